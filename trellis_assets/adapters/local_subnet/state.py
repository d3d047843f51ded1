"""A local validator's memory on disk, and the log that proves what it did."""

import json
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trellis_assets.adapters.local_subnet.rules import Assigned, Miner
from trellis_assets.system.atomic_write import write_atomically


class ValidatorState:
    """Miners by hotkey, written to a file at every change, so that kill -9 forgets nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._miners: dict[str, Miner] = {}
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            self._miners = {hotkey: _miner(fields) for hotkey, fields in stored.items()}

    def miner(self, hotkey: str) -> Miner:
        """Return what is known of the miner."""
        return self._miners.get(hotkey, Miner())

    def save(self, hotkey: str, miner: Miner) -> None:
        """Store the miner's state, on disk too."""
        self._miners[hotkey] = miner
        write_atomically(self._path, json.dumps({h: asdict(m) for h, m in self._miners.items()}))


def _miner(fields: dict[str, Any]) -> Miner:
    assigned = fields.pop("assigned")
    accepted = tuple(fields.pop("accepted_at"))
    return Miner(assigned=Assigned(**assigned) if assigned else None, accepted_at=accepted, **fields)


class DecisionLog:
    """One JSON line per decision, flushed before the answer leaves."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, event: str, **fields: object) -> None:
        """Append the line to the file."""
        line = {"time": datetime.now(UTC).isoformat(), "event": event} | fields
        with self._lock, self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


def read_decisions(path: Path) -> list[dict[str, Any]]:
    """Return all decisions of a log, oldest first, without a last line that is incomplete."""
    decisions = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            decisions.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return decisions
