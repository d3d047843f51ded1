"""Maintenance: contradictions in the store, what is past its time, and who is notified."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from trellis_assets.domain.consistency import Count
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.retention import ExpiredFiles, Forgotten, StoredModel


class ConsistencyRepository(Protocol):
    """Rows that contradict what must hold."""

    def count_since(self, since: datetime) -> int:
        """Count the tasks pulled since then."""
        ...

    def stuck_tasks(self, pulled_before: datetime) -> list[int]:
        """Return unfinished tasks that were pulled before then and that no live run holds."""
        ...

    def generated_twice(self, since: datetime, window: timedelta) -> list[int]:
        """Return duplicates within the window that were generated all the same."""
        ...

    def without_feedback(self, since: datetime) -> list[int]:
        """Return accepted submissions whose feedback is missing."""
        ...

    def scored_pairs(self, since: datetime) -> list[tuple[int, float, float]]:
        """Return task, local score and fidelity of submissions that were accepted since then."""
        ...

    def model_files(self, newest: int) -> Sequence[tuple[int, StoredFile]]:
        """Return the files of the newest tasks that have one."""
        ...

    def counters_and_rows(self) -> list[Count]:
        """Compare the counters of each miner and validator with the task table."""
        ...

    def snapshot_and_rows(self) -> list[Count]:
        """Compare the last stored snapshot with the task table; nothing before the first."""
        ...


class RetentionRepository(Protocol):
    """What is past its time. Methods return how many rows they changed."""

    def forget_prompts(self, before: datetime) -> int:
        """Delete prompts of the duplicate window that were seen before then."""
        ...

    def forget_pictures(self, before: datetime) -> int:
        """Empty image prompts of tasks that ended before then; their hashes stay."""
        ...

    def forget_snapshots(self, before: datetime) -> int:
        """Delete statistics that were taken before then."""
        ...

    def archive_tasks(self, before: datetime) -> int:
        """Turn ended tasks without a file into sums."""
        ...

    def stored_models(self) -> list[StoredModel]:
        """Return every model whose files are there."""
        ...

    def forget_models(self, gone: ExpiredFiles, now: datetime) -> Forgotten:
        """Note that these files are deleted; return the files beside them that no row names any more."""
        ...

    def known_files(self) -> set[str]:
        """Return paths of all files that a task needs or may need."""
        ...


class Notifier(Protocol):
    """Send messages to a person."""

    def notify(self, text: str, link: str) -> bool:
        """Send the message; return whether it was taken. An unreachable service raises nothing.

        Args:
            text: may quote untrusted peers: shown as plain text, whatever markup the service knows.
            link: an address with more about it.
        """
        ...
