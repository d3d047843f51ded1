"""Traces of tasks: where they are read, and where they go."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.candidates import StoredCandidate
from trellis_assets.domain.task_traces import TaskTrace
from trellis_assets.domain.tasks import Task

EndedTask = tuple[Task, Sequence[StoredCandidate]]


class EndedTaskRepository(Protocol):
    """Tasks that ended, with the models that were made for them."""

    def ended(
        self, miner_hotkey: str, *, after: tuple[datetime, int], until: datetime, limit: int
    ) -> list[EndedTask]:
        """Return tasks of the miner that ended after a moment and a key, in the order of both.

        Image prompts are left out.

        Args:
            miner_hotkey: whose tasks.
            after: of the last task that was seen: when it ended, and its key.
            until: the latest end.
            limit: at most so many.
        """
        ...


class TraceExporter(Protocol):
    """Send traces to a collector."""

    def export(self, traces: Sequence[TaskTrace]) -> bool:
        """Return whether the collector took them. One that is away raises nothing."""
        ...
