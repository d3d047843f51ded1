"""The day on which partitions start: the same for `mine` and for Dagster's own commands."""

from datetime import date
from pathlib import Path

from trellis_assets.settings import Settings
from trellis_assets.system.atomic_write import write_atomically

# Where no session has begun and no setting says otherwise.
DEFAULT = date(2026, 1, 1)
_FILE = "first_day"


def first_day(settings: Settings) -> date:
    """Return the day on which partitions start: `TRELLIS_FIRST_DAY`, or the day that `mine` has recorded."""
    return settings.orchestration.first_day or _recorded(settings.storage.folder / _FILE) or DEFAULT


def record_first_day(settings: Settings, beginning: date) -> date:
    """Return the day on which partitions start, and record it for commands that `mine` does not start.

    It never becomes later: partitions that were materialised stay valid when the store is made anew.

    Args:
        settings: which may name the day, and name the data folder.
        beginning: day of the store's first session.
    """
    if settings.orchestration.first_day is not None:
        return settings.orchestration.first_day
    path = settings.storage.folder / _FILE
    day = min(beginning, _recorded(path) or beginning)
    write_atomically(path, f"{day.isoformat()}\n")
    return day


def _recorded(path: Path) -> date | None:
    """Return the day in the file; None without a usable one, which the next session writes anew."""
    try:
        return date.fromisoformat(path.read_text(encoding="utf-8").strip())
    except (FileNotFoundError, ValueError):
        return None
