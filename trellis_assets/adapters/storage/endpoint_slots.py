"""Generation slots: each endpoint works on one task at a time, across all processes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import not_, or_, select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.clock_skew import is_not_ahead
from trellis_assets.adapters.storage.models import PollRow, SlotRow, TaskRow
from trellis_assets.adapters.storage.polls import insert_ignoring_conflict
from trellis_assets.domain.endpoints.endpoints import MAX_BACKOFF
from trellis_assets.domain.scheduling.priority import WaitingTask
from trellis_assets.domain.tasks import LEASE, TaskState


def acquire_slot(
    session: Session, endpoints: Sequence[str], task_key: int, *, now: datetime, until: datetime
) -> str | None:
    """The first endpoint that is free and whose breaker is not open, now held; None if none is.

    One statement decides: of many that see an endpoint half open, one has it.
    """
    for endpoint in endpoints:
        insert_ignoring_conflict(session, SlotRow, {"endpoint": endpoint})
        taken = session.execute(
            update(SlotRow)
            .where(
                SlotRow.endpoint == endpoint,
                or_(SlotRow.task_key.is_(None), is_not_ahead(SlotRow.held_until, now, LEASE)),
                is_not_ahead(SlotRow.open_until, now, MAX_BACKOFF),
            )
            .values(task_key=task_key, held_until=until, last_used_at=now)
        )
        if taken.rowcount:  # type: ignore[attr-defined]
            return endpoint
    return None


def waiting_tasks(session: Session, now: datetime) -> list[WaitingTask]:
    """Tasks whose runs live and wait for an endpoint."""
    query = (
        select(
            TaskRow.key,
            TaskRow.pulled_at,
            TaskRow.validator_stake,
            PollRow.total_successful_submissions,
            PollRow.total_tasks_submitted,
        )
        .outerjoin(
            PollRow,
            (PollRow.miner_hotkey == TaskRow.miner_hotkey) & (PollRow.hotkey == TaskRow.validator_hotkey),
        )
        .where(
            TaskRow.finished_at.is_(None),
            TaskRow.state == str(TaskState.PULLED),
            not_(is_not_ahead(TaskRow.claimed_until, now, LEASE)),
        )
    )
    return [
        WaitingTask(key, pulled_at, stake or 0.0, accepted or 0, submitted or 0)
        for key, pulled_at, stake, accepted, submitted in session.execute(query)
    ]


def extend_slot(session: Session, endpoint: str, task_key: int, until: datetime) -> bool:
    """Whether the task still held the endpoint."""
    held = session.execute(
        update(SlotRow)
        .where(SlotRow.endpoint == endpoint, SlotRow.task_key == task_key)
        .values(held_until=until)
    )
    return bool(held.rowcount)  # type: ignore[attr-defined]


def release_slot(session: Session, endpoint: str, task_key: int) -> None:
    """The endpoint is free, unless another task holds it meanwhile."""
    session.execute(
        update(SlotRow)
        .where(SlotRow.endpoint == endpoint, SlotRow.task_key == task_key)
        .values(task_key=None, held_until=None)
    )


def release_slots_of(session: Session, task_key: int) -> None:
    """Free every endpoint that the task holds: its run is dead."""
    session.execute(
        update(SlotRow).where(SlotRow.task_key == task_key).values(task_key=None, held_until=None)
    )
