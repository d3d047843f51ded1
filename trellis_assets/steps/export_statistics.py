"""Export statistics: a snapshot to the store and, as JSON, to a file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trellis_assets.domain.statistics import StatisticsSnapshot
from trellis_assets.domain.statistics_export import to_json
from trellis_assets.ports import Clock, StatisticsRepository
from trellis_assets.system.atomic_write import write_atomically

KEPT_FILES = 200
PREFIX = "statistics_"


@dataclass(frozen=True, slots=True)
class ExportStatisticsStep:
    """Store a snapshot of the statistics, write it to a file, and delete the oldest files."""

    statistics: StatisticsRepository
    clock: Clock
    folder: Path
    session_id: int | None

    def run(self) -> tuple[StatisticsSnapshot, Path]:
        """Return the snapshot and the file it was written to; the last 200 files stay.

        In a session the snapshot is the session's, and the file has the sums since the first session too.
        """
        now = self.clock.now()
        snapshot = everything = self.statistics.snapshot(None, now)
        if self.session_id is not None:
            snapshot = self.statistics.snapshot(self.session_id, now)
        self.statistics.save_snapshot(snapshot)
        path = self.folder / f"{PREFIX}{snapshot.taken_at:%Y%m%dT%H%M%S_%f}.json"
        write_atomically(path, json.dumps(_exported(snapshot, everything), indent=2))
        for old in sorted(self.folder.glob(f"{PREFIX}*.json"))[:-KEPT_FILES]:
            old.unlink(missing_ok=True)
        return snapshot, path


def _exported(snapshot: StatisticsSnapshot, everything: StatisticsSnapshot) -> dict[str, Any]:
    whole = to_json(everything)
    since = {name: whole[name] for name in ("uptime_hours", "session_stats", "performance")}
    return to_json(snapshot) | {"since_beginning": since}
