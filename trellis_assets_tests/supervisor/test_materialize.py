"""`trellis-assets materialize` over Dagster homes of earlier releases."""

import subprocess
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from trellis_assets.orchestration.dagster_home import dagster_home
from trellis_assets.settings import Settings
from trellis_assets.supervisor.materialize import materialize_all


def test_a_home_that_names_classes_of_an_earlier_release_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load(data_dir=tmp_path)
    home = dagster_home(settings)
    home.mkdir()
    workspace = home / "workspace.yaml"
    workspace.write_text("load_from: []\n")
    (home / "dagster.yaml").write_text("run_launcher: {module: trellis_assets.gone, class: Gone}\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0))
    materialize_all(settings, lambda _: None)
    launcher = yaml.safe_load((home / "dagster.yaml").read_text())["run_launcher"]
    assert hasattr(import_module(launcher["module"]), launcher["class"])
    assert workspace.read_text() == "load_from: []\n", "a session's workspace stays"
