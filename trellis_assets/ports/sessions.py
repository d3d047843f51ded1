"""Sessions of mining, and their statistics."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.statistics import StatisticsSnapshot, ValidatorCounters
from trellis_assets.domain.tasks import TaskState


class SessionRepository(Protocol):
    """One session per start of the miner."""

    def start(self, now: datetime, flags: Mapping[str, object]) -> int:
        """Start a session; return its number."""
        ...

    def drain(self, session_id: int, now: datetime) -> None:
        """Let the session take no new task from now on."""
        ...

    def is_draining(self, session_id: int) -> bool:
        """Return whether the session takes no new task."""
        ...

    def end(self, session_id: int, now: datetime) -> None:
        """Note that the session is over."""
        ...

    def first_start(self) -> datetime | None:
        """Return when the first session started; None before it."""
        ...


class StatisticsRepository(Protocol):
    """Counters of validators, tasks by state, and snapshots of everything at a moment."""

    def validator_counters(self) -> list[ValidatorCounters]:
        """Return counters per miner and validator."""
        ...

    def count_by_state(self, session_id: int | None = None) -> dict[TaskState, int]:
        """Return the states that occur, with how often."""
        ...

    def snapshot(self, session_id: int | None, now: datetime) -> StatisticsSnapshot:
        """Return the statistics of the session, or of everything."""
        ...

    def save_snapshot(self, snapshot: StatisticsSnapshot) -> None:
        """Store the snapshot."""
        ...
