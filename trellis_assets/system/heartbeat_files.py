"""Heartbeats of processes: a small file each, which shows that a process makes progress.

Times in them are of the monotonic clock, which all processes of a machine share and which cannot be set.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trellis_assets.settings import Settings
from trellis_assets.system.atomic_write import write_atomically

POLLER, SENSOR, RUN_WORKERS, SESSION = "poller", "sensor", "run_workers", "session"


def heartbeat_folder(settings: Settings) -> Path:
    """Return the folder of the heartbeats of a data folder."""
    return settings.storage.folder / "progress"


def write_heartbeat(folder: Path, name: str, figures: Mapping[str, Any]) -> bool:
    """Replace the heartbeat `name` by the figures and this process's id. Return whether it was written."""
    try:
        write_atomically(folder / f"{name}.json", json.dumps({"pid": os.getpid(), **figures}))
    except OSError:
        return False  # a full disk: the supervisor knows by its own heartbeat that none can be written
    return True


def read_heartbeat(folder: Path, name: str) -> dict[str, Any]:
    """Return the figures of the last heartbeat; empty where none can be read."""
    try:
        figures = json.loads((folder / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return figures if isinstance(figures, dict) else {}


def read_all_heartbeats(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the last heartbeat of every part that writes one, by its name."""
    return {name: read_heartbeat(folder, name) for name in (POLLER, SENSOR, RUN_WORKERS, SESSION)}
