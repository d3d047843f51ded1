"""A backend registered in one place is known to settings, documentation, doctor, command and server."""

import os
import re
import subprocess
import sys
from importlib import import_module

import pytest

from trellis_assets.adapters.generation.embedded.backend import EmbeddedBackend
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.diagnostics.machine_checks import check_gpu
from trellis_assets.domain.server_backends import SERVER_BACKENDS, BackendEntry
from trellis_assets.servers.generation.backends import server_backend
from trellis_assets.settings import Settings, SettingsError
from trellis_assets.settings.documentation import markdown

NOTHING = Revisions(None)


class OwnBackend(EmbeddedBackend):
    """A backend of somebody else."""


def build(*_: object) -> OwnBackend:
    return OwnBackend()


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> str:
    """Add one row to the registry, and nothing else anywhere."""
    monkeypatch.setitem(sys.modules, "own_backend", sys.modules[__name__])
    entry = BackendEntry(makes="something else", factory="own_backend:build", uses_gpu=True)
    monkeypatch.setitem(SERVER_BACKENDS, "own", entry)  # type: ignore[arg-type]
    return "own"


def test_registered_backend_is_a_choice_of_the_setting_and_the_one_that_the_server_builds(
    registered: str,
) -> None:
    servers = Settings.load(server_backend=registered).servers
    assert isinstance(server_backend(servers, NOTHING), OwnBackend)
    assert re.search(r"`TRELLIS_SERVER_BACKEND` \| embedded or trellis or own \|", markdown())


def test_registered_backend_that_uses_a_gpu_makes_the_doctor_ask_for_its_driver(
    registered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trellis_assets.diagnostics.machine_checks as checks

    monkeypatch.setattr(checks.shutil, "which", lambda _: None)
    context = type("Context", (), {"settings": Settings.load(start_server=True, server_backend=registered)})()
    (found,) = check_gpu(context)
    assert "choose embedded backends" in (found.advice or "")


def test_unknown_backend_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match=r"TRELLIS_SERVER_BACKEND.*embedded or trellis"):
        Settings.load(server_backend="trelis")


def test_command_offers_every_registered_backend() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "trellis_assets.servers.generation", "--help"],
        env=os.environ | {"COLUMNS": "200", "TERM": "dumb"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    shown = " ".join(help_text.replace("│", " ").split())
    for name, entry in SERVER_BACKENDS.items():
        assert f"{name}: {entry.makes}" in shown


@pytest.mark.parametrize("name", SERVER_BACKENDS)
def test_every_backend_has_a_factory(name: str) -> None:
    module, _, function = SERVER_BACKENDS[name].factory.partition(":")
    assert callable(getattr(import_module(module), function))
