"""Generation slots: each endpoint works on one task at a time, across all processes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import SlotRow
from trellis_assets.adapters.storage.moments import is_not_ahead
from trellis_assets.adapters.storage.polls import insert_ignoring_conflict
from trellis_assets.domain.tasks import LEASE


def acquire_slot(
    session: Session, endpoints: Sequence[str], task_key: int, *, now: datetime, until: datetime
) -> str | None:
    """The first endpoint that is free, now held; None if none is."""
    for endpoint in endpoints:
        insert_ignoring_conflict(session, SlotRow, {"endpoint": endpoint})
        taken = session.execute(
            update(SlotRow)
            .where(
                SlotRow.endpoint == endpoint,
                or_(SlotRow.task_key.is_(None), is_not_ahead(SlotRow.held_until, now, LEASE)),
            )
            .values(task_key=task_key, held_until=until)
        )
        if taken.rowcount:  # type: ignore[attr-defined]
            return endpoint
    return None


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
