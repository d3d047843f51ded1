"""Local verdicts: the history of who judged which file when, and what is still to be judged."""

from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.mapping import columns_of
from trellis_assets.adapters.storage.models import TaskRow, ValidationRow
from trellis_assets.domain.idle_validation import JudgedCounts
from trellis_assets.domain.verdicts import Verdict

# From a task's pull to its model; tasks that wait longer are handed on or ended.
_LONGEST_LIFE = timedelta(days=1)


def unjudged(session: Session, miner_hotkey: str, start: datetime, end: datetime) -> dict[int, datetime]:
    """The miner's finished tasks of these hours whose file has no score; a partial index finds them.

    With the time of their models and no more: prompts of many tasks may be as many pictures.
    """
    query = (
        select(TaskRow.key, TaskRow.generated_at)
        .where(
            # Not by the index that begins with the miner: it would look through all that the miner ever did.
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
    return {key: generated_at for key, generated_at in session.execute(query) if generated_at is not None}


def judged_counts(session: Session, miner_hotkey: str, start: datetime, end: datetime) -> JudgedCounts:
    """Return how the miner's kept models of these hours stand, of tasks that have ended."""
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
    return JudgedCounts(*session.execute(query).one())


def record(session: Session, row: TaskRow, verdict: Verdict, *, is_idle: bool) -> bool:
    """Whether the verdict is in the history now and was not before."""
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


def record_idle(session: Session, key: int, verdict: Verdict) -> bool:
    """Whether the verdict is new; it is the task's score where there was none."""
    row = session.get_one(TaskRow, key, with_for_update=True)
    if not record(session, row, verdict, is_idle=True):
        return False
    if row.local_score is None:
        given = columns_of(generation=None, verdict=verdict, submission=None, feedback=None)
        for name, value in given.items():
            setattr(row, name, value)
    return True
