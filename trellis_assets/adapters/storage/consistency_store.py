"""`ConsistencyStore`: each method is one reading transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from trellis_assets.adapters.storage import consistency, statistics
from trellis_assets.adapters.storage.transactions import Transactions
from trellis_assets.domain.consistency import Count
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.tasks import TaskState


class SqlConsistencyStore(Transactions):
    """Rows that contradict what must hold."""

    def count_by_state(self) -> dict[TaskState, int]:
        """States that occur, with how often."""
        with self.reading() as session:
            return statistics.count_by_state(session, None)

    def count_since(self, since: datetime) -> int:
        """Tasks pulled since then."""
        with self.reading() as session:
            return consistency.count_since(session, since)

    def stuck_tasks(self, pulled_before: datetime, now: datetime) -> list[int]:
        """Unfinished tasks that came in so early and that nobody works on."""
        with self.reading() as session:
            return consistency.stuck(session, pulled_before, now)

    def generated_twice(self, since: datetime, window: timedelta) -> list[int]:
        """Duplicates within the window that were generated all the same."""
        with self.reading() as session:
            return consistency.generated_twice(session, since, window)

    def without_feedback(self, since: datetime) -> list[int]:
        """Accepted submissions without feedback."""
        with self.reading() as session:
            return consistency.without_feedback(session, since)

    def scored_pairs(self, since: datetime) -> list[tuple[int, float, float]]:
        """Task, local score and fidelity of accepted submissions."""
        with self.reading() as session:
            return consistency.scored_pairs(session, since)

    def model_files(self, newest: int) -> Sequence[tuple[int, StoredFile]]:
        """Tasks and their files, the newest first."""
        with self.reading() as session:
            return consistency.model_files(session, newest)

    def counters_and_rows(self) -> list[Count]:
        """Validators' counters beside what the task table says."""
        with self.reading() as session:
            return consistency.counters_and_rows(session)

    def snapshot_and_rows(self) -> list[Count]:
        """The last snapshot beside what the task table says."""
        with self.reading() as session:
            return consistency.snapshot_and_rows(session)
