"""Heartbeats of processes: one small file each, which tells that a process makes progress, not that it lives.

Times in them are of the monotonic clock, which is one for all processes of a machine and which nobody sets.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trellis_assets.settings import Settings

POLLER, SENSOR, RUN_WORKERS, SESSION = "poller", "sensor", "run_workers", "session"


def heartbeat_folder(settings: Settings) -> Path:
    """Where the heartbeats of a data folder are."""
    return settings.storage.folder / "progress"


def write_heartbeat(folder: Path, name: str, figures: Mapping[str, Any]) -> bool:
    """Replace the heartbeat `name` by these figures and this process's id; False if it cannot be written."""
    path = folder / f"{name}.json"
    partial = folder / f".{name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.write_text(json.dumps({"pid": os.getpid(), **figures}), encoding="utf-8")
        partial.replace(path)
    except OSError:
        return False  # a full disk: whoever reads knows by their own heartbeat that none can be written
    return True


def read_heartbeat(folder: Path, name: str) -> dict[str, Any]:
    """Return the last heartbeat; empty where there is none that can be read."""
    try:
        told = json.loads((folder / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def read_all_heartbeats(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the last heartbeat of every part that writes one, by its name: what metrics are made of."""
    return {name: read_heartbeat(folder, name) for name in (POLLER, SENSOR, RUN_WORKERS, SESSION)}
