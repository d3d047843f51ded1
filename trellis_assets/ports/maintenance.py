"""What is looked after: contradictions in the store, what may go, and who is told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from trellis_assets.domain.consistency import Count
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.retention import Forgotten, StoredModel, Surplus
from trellis_assets.domain.tasks import TaskState


class ConsistencyStore(Protocol):
    """Rows that contradict what must hold. All look at tasks since a moment."""

    def count_since(self, since: datetime) -> int: ...
    def stuck_tasks(self, pulled_before: datetime, now: datetime) -> list[int]: ...
    def generated_twice(self, since: datetime, window: timedelta) -> list[int]: ...
    def without_feedback(self, since: datetime) -> list[int]: ...
    def scored_pairs(self, since: datetime) -> list[tuple[int, float, float]]: ...
    def model_files(self, newest: int) -> Sequence[tuple[int, StoredFile]]: ...
    def count_by_state(self) -> dict[TaskState, int]: ...
    def counters_and_rows(self) -> list[Count]:
        """The counters of each miner and validator."""
        ...

    def snapshot_and_rows(self) -> list[Count]:
        """What the last saved snapshot says of answered tasks; nothing before the first."""
        ...


class RetentionStore(Protocol):
    """What may go, and what says that it is gone. All give how many there were."""

    def forget_prompts(self, before: datetime) -> int: ...
    def forget_pictures(self, before: datetime) -> int: ...
    def forget_snapshots(self, before: datetime) -> int: ...
    def archive_tasks(self, before: datetime) -> int:
        """Ended tasks without a file become sums."""
        ...

    def stored_models(self) -> list[StoredModel]: ...
    def forget_models(self, gone: Surplus, now: datetime) -> Forgotten:
        """The rows no longer need these files, nor the pictures that the models were made from."""
        ...

    def known_files(self) -> set[str]:
        """Paths of all files that a task needs or may need."""
        ...


class Notifier(Protocol):
    """Where a person reads messages."""

    def notify(self, text: str, link: str) -> bool:
        """Whether the message was taken; never raises for a place that is away.

        Args:
            text: may quote strangers: shown as plain words, whatever markup the place knows.
            link: where to read on.
        """
        ...
