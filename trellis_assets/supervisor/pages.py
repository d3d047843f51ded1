"""Dagster's pages for a miner on another machine: its history is in PostgreSQL, and no key is read."""

import os
import sys
from pathlib import Path

import yaml

from trellis_assets.composition import secret
from trellis_assets.orchestration.dagster_home import LOCATION, dagster_home, write_dagster_home
from trellis_assets.servers.dagster_guard import TOKEN_VARIABLE
from trellis_assets.servers.hosts import check_exposure
from trellis_assets.settings import Settings, SettingsError
from trellis_assets.system.tcp_ports import free_port

WORKSPACE = "pages.yaml"
PAGES_SECRETS = frozenset({"webserver_token"})


def pages_command(settings: Settings, host: str) -> list[str]:
    """Write a Dagster home and a workspace into the data folder, and return the command that serves them.

    The pages load a code location of their own, since the miner's listens on its machine only. It has the
    same name, so that the pages show and switch the same sensors and schedules.

    Raises:
        SettingsError: the history is in files, which another machine cannot read.
    """
    if settings.storage.dagster_database_url is None:
        raise SettingsError(
            "TRELLIS_DAGSTER_DATABASE_URL is not set. Set it, or use `mine --ui`, which also shows a "
            "history in files."
        )
    write_dagster_home(settings, free_port())
    workspace = dagster_home(settings) / WORKSPACE
    module = {"module_name": "trellis_assets.definitions", "location_name": LOCATION}
    workspace.write_text(yaml.safe_dump({"load_from": [{"python_module": module}]}), encoding="utf-8")
    return [sys.executable, "-m", *webserver_module(workspace, host)]


def webserver_module(workspace: Path, host: str) -> list[str]:
    """Return the module, with its options, that serves Dagster's pages behind our guard."""
    return ["trellis_assets.orchestration.webserver", "--workspace", str(workspace), "--host", host]


def serve_pages(settings: Settings, host: str) -> None:
    """Replace this process by Dagster's web server behind our guard.

    Raises:
        SettingsError: see `pages_command`.
        ExposureError: other machines could reach it and there is no token.
    """
    check_exposure(host, secret(settings.servers.webserver_token), TOKEN_VARIABLE)
    command = pages_command(settings, host)
    # The only secrets are the URLs in the Dagster home and the token of the pages.
    os.environ |= settings.environment(PAGES_SECRETS) | {"DAGSTER_HOME": str(dagster_home(settings))}
    os.execv(command[0], command)  # noqa: S606 - our own command, no shell
