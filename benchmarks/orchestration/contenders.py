"""The three miners that are compared, each as the command that starts it."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from orchestration.arena import Arena, running

if TYPE_CHECKING:
    from subprocess import Popen

# Dagster's defaults, but it calls no service outside.
DAGSTER_YAML = "telemetry:\n  enabled: false\n"


def project(
    arena: Arena, settings: Mapping[str, str] | None = None
) -> AbstractContextManager["Popen[bytes]"]:
    """Return the command of this project, as its operator starts it."""
    command = [sys.executable, "-m", "trellis_assets.cli", "mine", "--no-validate"]
    environment = {**arena.environment, **(settings or {})}
    return running(command, environment, arena.folder / "contender.log")


def dagster_defaults(arena: Arena) -> AbstractContextManager["Popen[bytes]"]:
    """Return the command of the same ops under Dagster with its defaults."""
    home = arena.folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(DAGSTER_YAML, encoding="utf-8")
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "orchestration.dagster_defaults"]
    environment = {**arena.environment, "DAGSTER_HOME": str(home)}
    return running(command, environment, arena.folder / "contender.log")


def serial_miner(arena: Arena) -> AbstractContextManager["Popen[bytes]"]:
    """Return the command of the subnet's reference miner."""
    command = [sys.executable, "-m", "orchestration.serial_miner"]
    return running(command, arena.environment, arena.folder / "contender.log")


CONTENDERS: dict[str, Callable[[Arena], AbstractContextManager["Popen[bytes]"]]] = {
    "this project": project,
    "serial miner": serial_miner,
    "Dagster's defaults": dagster_defaults,
}
