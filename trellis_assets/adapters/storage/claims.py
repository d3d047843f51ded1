"""Which run works on a task: claims with a lease that its run extends by heartbeats."""

from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, case, or_, select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.column_types import UtcDateTime
from trellis_assets.adapters.storage.mapping import select_without_pictures, task_of, tasks_of
from trellis_assets.adapters.storage.models import SlotRow, TaskRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.tasks import FINAL_STATES, Task, TaskState

_TASKS = cast("Table", TaskRow.__table__)
_NOW = bindparam("now", type_=UtcDateTime())
_NOT_CLAIMABLE = FINAL_STATES | {TaskState.SUBMITTING, TaskState.UNSETTLED}
# Made once: putting a statement together takes longer than SQLite takes to carry it out.
_CLAIM = (
    update(_TASKS)
    .where(
        _TASKS.c.key == bindparam("task"),
        _TASKS.c.state.not_in([str(state) for state in _NOT_CLAIMABLE]),
        or_(
            _TASKS.c.run_id.is_(None),
            _TASKS.c.run_id == bindparam("run"),
            _TASKS.c.claimed_until.is_(None),
        ),
    )
    .values(
        run_id=bindparam("run"),
        claimed_until=bindparam("until"),
        ready_at=case((_TASKS.c.state == str(TaskState.PULLED), _NOW), else_=_TASKS.c.ready_at),
    )
)


class SqlClaims(Repository):
    """`ClaimRepository` over SQLAlchemy."""

    def claim(self, key: int, run_id: str, *, now: datetime, until: datetime) -> Task | None:
        """Claim the task for the run; return None if it is final or another run holds it."""
        given = {"task": key, "run": run_id, "now": now, "until": until}
        with self._writing() as session:
            if not session.execute(_CLAIM, given).rowcount:  # type: ignore[attr-defined]
                return None
            return task_of(session.get_one(TaskRow, key, populate_existing=True))

    def extend(self, key: int, run_id: str, until: datetime) -> bool:
        """Extend the run's lease; return whether the run still held the task."""
        statement = (
            update(TaskRow)
            .where(TaskRow.key == key, TaskRow.run_id == run_id, TaskRow.claimed_until.is_not(None))
            .values(claimed_until=until)
        )
        with self._writing() as session:
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]

    def release(self, key: int, run_id: str) -> None:
        """Free the task if the run holds it."""
        with self._writing() as session:
            _release(session, key, run_id)

    def defer_submission(self, key: int, run_id: str, until: datetime) -> None:
        """Free the task if the run holds it, and let its result wait until then."""
        with self._writing() as session:
            if _release(session, key, run_id):
                session.execute(update(TaskRow).where(TaskRow.key == key).values(submit_after=until))

    def free_from_dead_run(self, key: int, run_id: str) -> None:
        """Free the task and the endpoint that it held, if the run holds the task."""
        with self._writing() as session:
            if _release(session, key, run_id):
                session.execute(
                    update(SlotRow).where(SlotRow.task_key == key).values(task_key=None, held_until=None)
                )

    def held(self) -> list[tuple[int, str]]:
        """Return key and run id of every unfinished task that a run holds."""
        query = select(TaskRow.key, TaskRow.run_id).where(
            TaskRow.finished_at.is_(None), TaskRow.claimed_until.is_not(None), TaskRow.run_id.is_not(None)
        )
        with self._reading() as session:
            return [(key, run_id) for key, run_id in session.execute(query) if run_id is not None]

    def unclaimed(self, miner_hotkey: str, limit: int | None = None) -> list[Task]:
        """Return the miner's unfinished tasks that no run holds: lost submissions, then oldest first.

        Image tasks come without their picture.
        """
        query = (
            select_without_pictures()
            .where(
                TaskRow.finished_at.is_(None),
                TaskRow.miner_hotkey == miner_hotkey,
                TaskRow.state != str(TaskState.UNSETTLED),
                TaskRow.claimed_until.is_(None),
            )
            .order_by(TaskRow.key)
        )
        lost = query.where(TaskRow.state == str(TaskState.SUBMITTING))
        others = query.where(TaskRow.state != str(TaskState.SUBMITTING)).limit(limit)
        with self._reading() as session:
            return [task for part in (lost, others) for task in tasks_of(session, part)]

    def mark_requested(self, key: int, attempt: int, now: datetime) -> bool:
        """Note that a run is about to be requested under this attempt; return False if a run holds the task.

        An earlier run that is still named loses the task.
        """
        statement = (
            update(TaskRow)
            .where(TaskRow.key == key, TaskRow.claimed_until.is_(None))
            .values(attempt=attempt, requested_at=now, run_id=None)
        )
        with self._writing() as session:
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def _release(session: Session, key: int, run_id: str) -> bool:
    freed = session.execute(
        update(TaskRow)
        .where(TaskRow.key == key, TaskRow.run_id == run_id)
        .values(run_id=None, claimed_until=None)
    )
    return bool(freed.rowcount)  # type: ignore[attr-defined]
