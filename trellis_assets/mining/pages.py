"""Dagster's pages for a miner that runs elsewhere: its history is in PostgreSQL, and no key is read."""

import os
import sys

import yaml

from trellis_assets.mining.dagster_home import LOCATION, dagster_home, write_dagster_home
from trellis_assets.mining.processes import free_port
from trellis_assets.settings import Settings, SettingsError

WORKSPACE = "pages.yaml"


def pages_command(settings: Settings, host: str) -> list[str]:
    """The command that serves the pages. Its Dagster home and workspace are in the data folder.

    Its code location is of its own, since the miner's listens on the miner's machine only; it has the same
    name, so that the pages show and switch the same sensors and schedules.

    Raises:
        SettingsError: the history is in files, where another process does not find it.
    """
    if settings.dagster_database_url is None:
        raise SettingsError(
            "TRELLIS_DAGSTER_DATABASE_URL is not set: the pages of a miner with its history in files come "
            "with `mine --ui`"
        )
    write_dagster_home(settings, free_port())
    workspace = dagster_home(settings) / WORKSPACE
    module = {"module_name": "trellis_assets.definitions", "location_name": LOCATION}
    workspace.write_text(yaml.safe_dump({"load_from": [{"python_module": module}]}), encoding="utf-8")
    options = ["-h", host, "-p", str(settings.webserver_port), "-w", str(workspace)]
    return [sys.executable, "-m", "dagster_webserver", *options]


def serve_pages(settings: Settings, host: str) -> None:
    """This process has become Dagster's web server.

    Raises:
        SettingsError: see `pages_command`.
    """
    command = pages_command(settings, host)
    # Of secrets only the URLs that the Dagster home asks for.
    os.environ |= settings.environment(frozenset()) | {"DAGSTER_HOME": str(dagster_home(settings))}
    os.execv(command[0], command)  # noqa: S606 - our own command, no shell
