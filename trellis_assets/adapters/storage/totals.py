"""Sums over tasks by SQL: nothing but sums leaves the database, also for tasks whose rows are gone."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import ArchivedTasksRow, TaskRow, ValidationRow
from trellis_assets.domain.statistics import Totals
from trellis_assets.domain.tasks import FINAL_STATES, TaskState


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _sum(column: ColumnElement[float], condition: ColumnElement[bool]) -> ColumnElement[float]:
    return func.coalesce(func.sum(case((condition, column), else_=0.0)), 0.0)


def _is(state: TaskState) -> ColumnElement[bool]:
    return TaskRow.state == str(state)


def sums() -> dict[str, ColumnElement[Any]]:
    """Return the statistics' sums over tasks, by name; idle validations have rows of their own."""
    final = TaskRow.state.in_([str(s) for s in FINAL_STATES])
    accepted = _is(TaskState.ACCEPTED)
    made = and_(TaskRow.spz_path.is_not(None), TaskRow.reused_from.is_(None))
    judged = TaskRow.local_score.is_not(None)
    return {
        "tasks_pulled": func.count(),
        "tasks_processed": _count(final),
        "successful_generations": _count(made),
        "successful_validations": _count(judged),
        "successful_submissions": _count(accepted),
        "rejected_submissions": _count(_is(TaskState.REJECTED)),
        "unknown_submissions": _count(_is(TaskState.ANSWER_UNKNOWN)),
        "handed_back": _count(_is(TaskState.HANDED_BACK)),
        "failed": _count(_is(TaskState.FAILED)),
        "kept": _count(_is(TaskState.KEPT)),
        "in_flight": _count(~final),
        "duplicates": _count(or_(TaskRow.reason.like("duplicate%"), TaskRow.reused_from.is_not(None))),
        "reused_results": _count(TaskRow.reused_from.is_not(None)),
        "total_generation_time": _sum(TaskRow.generation_s, made),  # type: ignore[arg-type]
        "total_validation_time": _sum(TaskRow.validation_s, judged),  # type: ignore[arg-type]
        "total_submission_time": _sum(TaskRow.submission_s, TaskRow.submission_s.is_not(None)),  # type: ignore[arg-type]
        "total_fidelity": _sum(TaskRow.task_fidelity_score, accepted),  # type: ignore[arg-type]
    }


_NAMES = (*sums(), "idle_validations")


def idle_validations() -> Select[int]:
    """Return a query that counts the verdicts on tasks' files that were given while idle."""
    return (
        select(func.count())
        .select_from(ValidationRow)
        .join(TaskRow, TaskRow.key == ValidationRow.task_key)
        .where(ValidationRow.is_idle)
    )


def totals(session: Session, session_id: int) -> Totals:
    """Sum over the session's tasks, including those whose rows are gone."""
    query = select(*sums().values()).where(TaskRow.session_id == session_id)
    idle = idle_validations().where(TaskRow.session_id == session_id)
    archived = _archived().where(ArchivedTasksRow.session_id == session_id)
    return _totals_of(
        [*session.execute(query).one(), session.scalar(idle) or 0], session.execute(archived).one()
    )


def totals_by_miner(session: Session) -> dict[str, Totals]:
    """Sum over all tasks, by the miner's hotkey."""
    live = select(func.max(TaskRow.miner_hotkey), *sums().values())
    if len(_miners(session)) > 1:
        # SQLite reads the rows in the order of the group's index then, which takes three times as long.
        live = live.group_by(TaskRow.miner_hotkey)
    idle = idle_validations().add_columns(TaskRow.miner_hotkey).group_by(TaskRow.miner_hotkey)
    archived = _archived().add_columns(ArchivedTasksRow.miner_hotkey).group_by(ArchivedTasksRow.miner_hotkey)
    judged = {miner: count for count, miner in session.execute(idle)}
    now = {miner: [*values, judged.get(miner, 0)] for miner, *values in session.execute(live) if miner}
    before = {miner: values for *values, miner in session.execute(archived)}
    nothing = [0] * len(_NAMES)
    return {
        miner: _totals_of(now.get(miner, nothing), before.get(miner, nothing))
        for miner in sorted(now.keys() | before.keys())
    }


def _miners(session: Session) -> list[str]:
    """Return every miner with a task, each found by one step in the index of tasks."""
    found: list[str] = []
    following = select(func.min(TaskRow.miner_hotkey))
    while (miner := session.scalar(following.where(TaskRow.miner_hotkey > (found or [""])[-1]))) is not None:
        found.append(miner)
    return found


def _archived() -> Select[Any]:
    return select(*(func.coalesce(func.sum(getattr(ArchivedTasksRow, name)), 0) for name in _NAMES))


def _totals_of(now: Sequence[Any], before: Sequence[Any]) -> Totals:
    return Totals(**{name: new + old for name, new, old in zip(_NAMES, now, before, strict=True)})
