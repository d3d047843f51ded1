"""Generation slots: each endpoint works on one task at a time, across all processes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.clock_skew import is_not_ahead
from trellis_assets.adapters.storage.durations import generation_s
from trellis_assets.adapters.storage.endpoints import record_outcome
from trellis_assets.adapters.storage.models import PollRow, SlotRow, TaskRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.adapters.storage.upsert import insert_ignoring_conflict
from trellis_assets.domain.endpoints.breaker import ENDPOINT_BACKOFF, Outcome
from trellis_assets.domain.scheduling.priority import WaitingTask, first_in_line
from trellis_assets.domain.tasks import TaskState


class SqlSlots(Repository):
    """`SlotRepository` over SQLAlchemy."""

    def acquire(
        self, endpoints: Sequence[str], task_key: int, *, now: datetime, until: datetime
    ) -> str | None:
        """Hold the first endpoint that is free and whose circuit breaker is closed; None if none is.

        One statement decides: of many that see an endpoint half open, one has it.
        """
        with self._writing() as session:
            for endpoint in endpoints:
                insert_ignoring_conflict(session, SlotRow, {"endpoint": endpoint})
                taken = session.execute(
                    update(SlotRow)
                    .where(
                        SlotRow.endpoint == endpoint,
                        SlotRow.task_key.is_(None),
                        is_not_ahead(SlotRow.open_until, now, ENDPOINT_BACKOFF.maximum),
                    )
                    .values(task_key=task_key, held_until=until, last_used_at=now)
                )
                if taken.rowcount:  # type: ignore[attr-defined]
                    return endpoint
        return None

    def extend(self, endpoint: str, task_key: int, until: datetime) -> bool:
        """Extend the task's lease on the endpoint; return whether the task still held it."""
        statement = (
            update(SlotRow)
            .where(SlotRow.endpoint == endpoint, SlotRow.task_key == task_key)
            .values(held_until=until)
        )
        with self._writing() as session:
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]

    def release(self, endpoint: str, task_key: int, *, now: datetime, outcome: Outcome | None) -> None:
        """Free the endpoint, unless another task holds it meanwhile, and note how the generation ended."""
        statement = (
            update(SlotRow)
            .where(SlotRow.endpoint == endpoint, SlotRow.task_key == task_key)
            .values(task_key=None, held_until=None)
        )
        with self._writing() as session:
            session.execute(statement)
            if outcome is not None:
                record_outcome(session, endpoint, outcome, now)

    def is_next_in_line(self, task_key: int, now: datetime, *, is_extra: bool = False) -> bool:
        """Return whether no other waiting task goes before this one.

        An extra candidate goes behind every task without one that is worth as much.
        """
        with self._reading() as session:
            waiting = _waiting_tasks(session)
            if is_extra and any(task.key != task_key for task in waiting):
                (extra,) = _waiting(session, _CONTENDERS.where(TaskRow.key == task_key))
                waiting = [task for task in waiting if task.key != task_key]
                waiting.append(replace(extra, is_extra=True))
            elif is_extra:
                return True
            pace = generation_s(session) or 0.0
        return not waiting or first_in_line(waiting, pace, now).key == task_key


_CONTENDERS = select(
    TaskRow.key,
    TaskRow.pulled_at,
    TaskRow.validator_stake,
    PollRow.total_successful_submissions,
    PollRow.total_tasks_submitted,
).outerjoin(
    PollRow,
    (PollRow.miner_hotkey == TaskRow.miner_hotkey) & (PollRow.hotkey == TaskRow.validator_hotkey),
)


def _waiting_tasks(session: Session) -> list[WaitingTask]:
    """Return tasks that a run holds and that wait for an endpoint."""
    query = _CONTENDERS.where(
        TaskRow.finished_at.is_(None),
        TaskRow.state == str(TaskState.PULLED),
        TaskRow.claimed_until.is_not(None),
    )
    return _waiting(session, query)


def _waiting(session: Session, query: Any) -> list[WaitingTask]:
    return [
        WaitingTask(key, pulled_at, stake or 0.0, accepted or 0, submitted or 0)
        for key, pulled_at, stake, accepted, submitted in session.execute(query)
    ]
