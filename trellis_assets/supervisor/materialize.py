"""Materialise every asset with one command."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

from trellis_assets.composition import Pipeline
from trellis_assets.orchestration.dagster_home import (
    dagster_home,
    name_secrets,
    write_dagster_home,
    write_instance,
)
from trellis_assets.settings import Settings
from trellis_assets.supervisor.errors import ChildError
from trellis_assets.system.tcp_ports import free_port

LOG = "materialize.log"


def selections(now: datetime) -> dict[str, list[str]]:
    """Return options of `dagster asset materialize` that together name every asset but exploration, by title.

    Dagster's command takes assets of one partitioning at a time and refuses `--select '*'`.
    """
    hour = "%Y-%m-%d-%H:00"
    hours = f"{now - timedelta(hours=2):{hour}}...{now:{hour}}"
    return {
        "validators and statistics": ["--select", "group:subnet or group:mining"],
        "earnings of this hour": ["--select", "group:earnings", "--partition", f"{now:{hour}}"],
        "reports of today": ["--select", "group:reports or group:learning", "--partition", f"{now:%Y-%m-%d}"],
        "idle validation of the last hours": ["--select", "group:validation", "--partition-range", hours],
    }


def materialize_all(settings: Settings, say: Callable[[str], None]) -> None:
    """Materialise all assets, in the Dagster home of the data folder.

    Raises:
        ChildError: a run failed; the text names its log.
    """
    home = dagster_home(settings)
    if not (home / "workspace.yaml").exists():
        write_dagster_home(settings, free_port())
    else:
        write_instance(settings, home)  # one of an earlier release may name classes that have moved
    name_secrets(settings)
    environment = os.environ | settings.environment() | {"DAGSTER_HOME": str(home)}
    log = settings.storage.folder / "logs" / LOG
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "trellis_assets.definitions"]
    for title, options in selections(Pipeline(settings).clock.now()).items():
        with log.open("ab") as file:
            # In Dagster's home, since its commands let `.env` of their working directory override our flags.
            done = subprocess.run(  # noqa: S603 - our own command, no shell
                [*command, *options], env=environment, cwd=home, stdout=file, stderr=file, check=False
            )
        if done.returncode:
            raise ChildError(f"{title}: the run failed. See {log}.")
        say(f"{title}: done")
