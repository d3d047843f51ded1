"""Tasks that ended, with their candidates, in the order in which they ended."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select

from trellis_assets.adapters.storage.candidate_mapping import candidate_of
from trellis_assets.adapters.storage.mapping import select_without_pictures, tasks_of
from trellis_assets.adapters.storage.models import CandidateRow, TaskRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.candidates import StoredCandidate
from trellis_assets.domain.tasks import Task


class SqlEndedTasks(Repository):
    """`EndedTaskRepository` over SQLAlchemy."""

    def ended(
        self, miner_hotkey: str, *, after: tuple[datetime, int], until: datetime, limit: int
    ) -> list[tuple[Task, Sequence[StoredCandidate]]]:
        """Return tasks of the miner that ended after a moment and a key, in the order of both."""
        moment, key = after
        is_later = or_(TaskRow.finished_at > moment, and_(TaskRow.finished_at == moment, TaskRow.key > key))
        query = (
            select_without_pictures()
            .where(
                TaskRow.finished_at >= moment,
                TaskRow.finished_at <= until,
                is_later,
                TaskRow.miner_hotkey == miner_hotkey,
            )
            .order_by(TaskRow.finished_at, TaskRow.key)
            .limit(limit)
        )
        with self._reading() as session:
            tasks = tasks_of(session, query)
            made = select(CandidateRow).where(
                CandidateRow.task_key.in_([task.key for task in tasks]), CandidateRow.is_idle.is_(False)
            )
            found: dict[int, list[StoredCandidate]] = defaultdict(list)
            for row in session.scalars(made.order_by(CandidateRow.number)):
                found[row.task_key].append(candidate_of(row))
        return [(task, found[task.key]) for task in tasks]
