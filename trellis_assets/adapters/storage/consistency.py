"""Rows that contradict what must hold of the task table."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from trellis_assets.adapters.storage.models import (
    ArchivedTasksRow,
    PollRow,
    RecentPromptRow,
    SnapshotRow,
    TaskRow,
)
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.consistency import Count
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.tasks import TaskState

_STORING = timedelta(seconds=10)


class SqlConsistency(Repository):
    """`ConsistencyRepository` over SQLAlchemy; only reads."""

    def count_since(self, since: datetime) -> int:
        """Count the tasks pulled since then."""
        query = select(func.count()).select_from(TaskRow).where(TaskRow.pulled_at >= since)
        with self._reading() as session:
            return session.scalar(query) or 0

    def stuck_tasks(self, pulled_before: datetime) -> list[int]:
        """Return unfinished tasks that were pulled before then and that no run holds."""
        query = select(TaskRow.key).where(
            TaskRow.finished_at.is_(None),
            TaskRow.pulled_at < pulled_before,
            TaskRow.claimed_until.is_(None),
        )
        with self._reading() as session:
            return list(session.scalars(query.order_by(TaskRow.key)))

    def generated_twice(self, since: datetime, window: timedelta) -> list[int]:
        """Return duplicates within the window that were generated all the same: the later one of each pair.

        It searches where duplicates are searched for, in the prompts that are remembered.
        """
        first, second = aliased(RecentPromptRow), aliased(RecentPromptRow)
        before, after = aliased(TaskRow), aliased(TaskRow)
        query = (
            select(second.task_key, first.seen_at, second.seen_at)
            .join(
                first,
                (first.miner_hotkey == second.miner_hotkey)
                & (first.validator_hotkey == second.validator_hotkey)
                & (first.prompt_sha256 == second.prompt_sha256)
                & (first.task_key < second.task_key),
            )
            .join(before, before.key == first.task_key)
            .join(after, after.key == second.task_key)
            .where(second.seen_at >= since)
        )
        for task in (before, after):
            query = query.where(task.spz_path.is_not(None), task.reused_from.is_(None))
        with self._reading() as session:
            rows = session.execute(query.order_by(second.task_key)).all()
            return sorted({key for key, seen, again in rows if again - seen <= window})

    def without_feedback(self, since: datetime) -> list[int]:
        """Return accepted submissions whose feedback is missing."""
        query = select(TaskRow.key).where(
            TaskRow.finished_at >= since,
            TaskRow.state == str(TaskState.ACCEPTED),
            TaskRow.is_inferred.is_not(True),
            or_(TaskRow.feedback_at.is_(None), TaskRow.task_fidelity_score.is_(None)),
        )
        with self._reading() as session:
            return list(session.scalars(query.order_by(TaskRow.key)))

    def scored_pairs(self, since: datetime) -> list[tuple[int, float, float]]:
        """Return task, local score and fidelity of submissions that were accepted since then."""
        query = select(TaskRow.key, TaskRow.local_score, TaskRow.task_fidelity_score).where(
            TaskRow.finished_at >= since,
            TaskRow.state == str(TaskState.ACCEPTED),
            TaskRow.is_inferred.is_not(True),
            TaskRow.local_score.is_not(None),
            TaskRow.task_fidelity_score.is_not(None),
        )
        with self._reading() as session:
            return [
                (key, local, fidelity)
                for key, local, fidelity in session.execute(query)
                if local is not None and fidelity is not None
            ]

    def model_files(self, newest: int) -> Sequence[tuple[int, StoredFile]]:
        """Return the files of the newest tasks that have one."""
        query = (
            select(TaskRow.key, TaskRow.spz_path, TaskRow.spz_size, TaskRow.spz_sha256)
            .where(TaskRow.spz_path.is_not(None), TaskRow.model_deleted_at.is_(None))
            .order_by(TaskRow.key.desc())
            .limit(newest)
        )
        with self._reading() as session:
            return [
                (key, StoredFile(path or "", size or 0, sha256 or ""))
                for key, path, size, sha256 in session.execute(query)
            ]

    def counters_and_rows(self) -> list[Count]:
        """Compare the counters of each miner and validator with the task table, in one reading."""
        columns = {
            "total_tasks_received": func.count(TaskRow.key),
            "total_successful_submissions": _ended_as(TaskState.ACCEPTED),
            "total_handed_back": _ended_as(TaskState.HANDED_BACK),
        }
        query = (
            select(PollRow, *columns.values())
            .outerjoin(
                TaskRow,
                (TaskRow.miner_hotkey == PollRow.miner_hotkey) & (TaskRow.validator_hotkey == PollRow.hotkey),
            )
            .group_by(PollRow.miner_hotkey, PollRow.hotkey)
            .order_by(PollRow.miner_hotkey, PollRow.hotkey)
        )
        with self._reading() as session:
            archived = _archived(session)
            counts = []
            for poll, *live in session.execute(query):
                gone = archived[poll.miner_hotkey, poll.hotkey]
                for name, now, before in zip(columns, live, gone, strict=True):
                    whose = f"{name} of {poll.hotkey} for {poll.miner_hotkey}"
                    counts.append(Count(whose, getattr(poll, name), now + before, now + before))
            return counts

    def snapshot_and_rows(self) -> list[Count]:
        """Compare the last snapshot with the task table.

        Tasks that ended within seconds before it may have been stored after it.
        """
        with self._reading() as session:
            last = session.scalar(select(SnapshotRow).order_by(SnapshotRow.taken_at.desc()).limit(1))
            if last is None:
                return []
            figures = last.figures["session_stats"]
            names = {
                "successful_submissions": TaskState.ACCEPTED,
                "rejected_submissions": TaskState.REJECTED,
                "handed_back": TaskState.HANDED_BACK,
            }
            query = select(*(_ended_as(state) for state in names.values()))
            if last.session_id is not None:
                query = query.where(TaskRow.session_id == last.session_id)
            at_least = session.execute(query.where(TaskRow.finished_at <= last.taken_at - _STORING)).one()
            at_most = session.execute(query.where(TaskRow.finished_at <= last.taken_at)).one()
            when = f"{last.taken_at:%Y-%m-%d %H:%M:%S}"
            return [
                Count(f"{name} in the statistics of {when}", figures[name], low, high)
                for name, low, high in zip(names, at_least, at_most, strict=True)
            ]


def _archived(session: Session) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return the same counts of tasks whose rows are gone, by miner and validator; zeros for others."""
    row = ArchivedTasksRow
    counted = (row.tasks_pulled, row.successful_submissions, row.handed_back)
    group = (row.miner_hotkey, row.validator_hotkey)
    query = select(*group, *(func.sum(column) for column in counted)).group_by(*group)
    found = {(miner, hotkey): tuple(sums) for miner, hotkey, *sums in session.execute(query)}
    return defaultdict(lambda: (0,) * len(counted), found)


def _ended_as(state: TaskState) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((TaskRow.state == str(state), 1), else_=0)), 0)
