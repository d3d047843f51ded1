"""Local verdicts: the history of who judged which file when, and what is still to be judged."""

from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.mapping import columns_of
from trellis_assets.adapters.storage.models import TaskRow, ValidationRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.idle_validation import JudgedCounts
from trellis_assets.domain.verdicts import Verdict

# From a task's pull to its model; tasks that wait longer are handed on or ended.
_LONGEST_LIFE = timedelta(days=1)


class SqlValidations(Repository):
    """`ValidationRepository` over SQLAlchemy."""

    def unjudged(self, miner_hotkey: str, start: datetime, end: datetime) -> dict[int, datetime]:
        """Return when each unjudged model of start..end (excluded) was generated, by task, oldest first.

        No more columns: prompts of many tasks may be as many pictures.
        """
        query = (
            select(TaskRow.key, TaskRow.generated_at)
            .where(
                # Not by the index that begins with the miner: it would read all that the miner ever did.
                func.coalesce(TaskRow.miner_hotkey, "") == miner_hotkey,
                TaskRow.local_score.is_(None),
                TaskRow.spz_path.is_not(None),
                TaskRow.model_deleted_at.is_(None),
                TaskRow.generated_at >= start,
                TaskRow.generated_at < end,
                # A task on its way is judged by its own run.
                TaskRow.finished_at.is_not(None),
            )
            .order_by(TaskRow.key)
        )
        with self._reading() as session:
            rows = session.execute(query).all()
        return {key: generated_at for key, generated_at in rows if generated_at is not None}

    def judged_counts(self, miner_hotkey: str, start: datetime, end: datetime) -> JudgedCounts:
        """Count the judged models of start..end (excluded), of tasks that have ended."""
        idle = select(ValidationRow.task_key).where(
            ValidationRow.task_key == TaskRow.key, ValidationRow.is_idle.is_(True)
        )
        is_scored = TaskRow.local_score.is_not(None)
        query = select(
            func.count(),
            func.count(case((is_scored, 1))),
            func.count(case((is_scored & idle.exists(), 1))),
        ).where(
            # By the time they were pulled there is an index.
            TaskRow.pulled_at >= start - _LONGEST_LIFE,
            TaskRow.pulled_at < end,
            func.coalesce(TaskRow.miner_hotkey, "") == miner_hotkey,
            TaskRow.spz_path.is_not(None),
            TaskRow.model_deleted_at.is_(None),
            TaskRow.generated_at >= start,
            TaskRow.generated_at < end,
            TaskRow.finished_at.is_not(None),
        )
        with self._reading() as session:
            return JudgedCounts(*session.execute(query).one())

    def record_idle(self, key: int, verdict: Verdict) -> bool:
        """Store the verdict; it is the task's score where there was none. Return whether it is new."""
        with self._writing() as session:
            row = session.get_one(TaskRow, key, with_for_update=True)
            if not add_to_history(session, row, verdict, is_idle=True):
                return False
            if row.local_score is None:
                given = columns_of(verdict=verdict)
                for name, value in given.items():
                    setattr(row, name, value)
            return True


def add_to_history(session: Session, row: TaskRow, verdict: Verdict, *, is_idle: bool) -> bool:
    """Add the verdict to the history of the task's file; return whether it was not there before."""
    if row.spz_sha256 is None:
        return False
    known = session.scalar(
        select(ValidationRow.key).where(
            ValidationRow.task_key == row.key,
            ValidationRow.spz_sha256 == row.spz_sha256,
            ValidationRow.validator == verdict.validator,
        )
    )
    if known is not None:
        return False
    session.add(
        ValidationRow(
            task_key=row.key,
            spz_sha256=row.spz_sha256,
            validator=verdict.validator,
            is_idle=is_idle,
            started_at=verdict.started_at,
            duration_s=verdict.duration_s,
            score=verdict.score,
            parts=dict(verdict.parts),
            failed_checks=list(verdict.failed_checks),
        )
    )
    return True
