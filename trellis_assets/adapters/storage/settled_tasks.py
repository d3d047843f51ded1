"""Recorded tasks for learning: few columns, and never a prompt."""

from typing import Any

from sqlalchemy import Row, func, select

from trellis_assets.adapters.storage.models import TaskRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.learning.settled_tasks import SettledTask
from trellis_assets.domain.submissions import SubmissionKind
from trellis_assets.domain.tasks import FINAL_STATES, TaskState
from trellis_assets.ports import StoreError

SETTLED_COLUMNS: tuple[Any, ...] = (
    TaskRow.key,
    TaskRow.validator_hotkey,
    TaskRow.validator_stake,
    TaskRow.kind,
    TaskRow.validation_threshold,
    TaskRow.throttle_s,
    TaskRow.pulled_at,
    TaskRow.local_score,
    TaskRow.failed_checks,
    TaskRow.generation_s,
    TaskRow.validation_s,
    TaskRow.submission_s,
    TaskRow.submission_kind,
    TaskRow.state,
    TaskRow.is_inferred,
)
_SEARCHED = 20_000
_ANSWERS = {TaskState.ACCEPTED: True, TaskState.REJECTED: False}


class SqlSettledTasks(Repository):
    """`SettledTaskRepository` over SQLAlchemy."""

    def newest(self, limit: int, *, before_key: int | None = None) -> list[SettledTask]:
        """Return the newest settled tasks of validators that have a model, oldest first."""
        query = (
            select(*SETTLED_COLUMNS)
            .where(TaskRow.state.in_([str(state) for state in FINAL_STATES]))
            .where(TaskRow.validator_hotkey.is_not(None), TaskRow.spz_path.is_not(None))
            .order_by(TaskRow.key.desc())
            .limit(limit)
        )
        if before_key is not None:
            query = query.where(TaskRow.key < before_key)
        with self._reading() as session:
            newest = before_key or session.scalar(select(func.max(TaskRow.key))) or 0
            # Where few tasks have a model, the search for more would read the whole table.
            query = query.where(TaskRow.key >= newest - _SEARCHED)
            return [settled_of(row) for row in session.execute(query)][::-1]

    def get(self, key: int) -> SettledTask:
        """Return one task, settled or not."""
        with self._reading() as session:
            row = session.execute(select(*SETTLED_COLUMNS).where(TaskRow.key == key)).one_or_none()
        if row is None:
            raise StoreError(f"there is no task {key} in the store")
        return settled_of(row)


def settled_of(row: Row[Any]) -> SettledTask:
    """Return the row of `SETTLED_COLUMNS` as a task."""
    is_result = row.submission_kind == SubmissionKind.RESULT and not row.is_inferred
    return SettledTask(
        key=row.key,
        validator=row.validator_hotkey or "",
        stake=row.validator_stake or 0.0,
        kind=row.kind,
        threshold=row.validation_threshold,
        throttle_s=row.throttle_s,
        at_s=row.pulled_at.timestamp(),
        score=row.local_score,
        is_valid=not row.failed_checks,
        made_s=(row.generation_s or 0.0) + (row.validation_s or 0.0),
        submission_s=row.submission_s if is_result else None,
        accepted=_ANSWERS.get(TaskState(row.state)) if is_result else None,
    )
