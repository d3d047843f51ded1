"""The table of reads of the list of validators, one row per source."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import MetagraphReadRow, PollRow
from trellis_assets.adapters.storage.polls import insert
from trellis_assets.domain.metagraph_reads import MetagraphRead

_NOT_REGISTERED = "NotRegistered"


def metagraph_read(session: Session, source: str) -> MetagraphRead:
    """Return what is known of the source; without a row, whether another one's list is stored."""
    ours = session.get(MetagraphReadRow, source)
    read_at = ours.read_at if ours is not None else None
    others = select(func.count()).where(
        MetagraphReadRow.source != source,
        MetagraphReadRow.read_at.is_not(None) if read_at is None else MetagraphReadRow.read_at > read_at,
    )
    is_current = not session.scalar(others)
    if ours is None:
        return MetagraphRead(source, is_current)
    return MetagraphRead(source, is_current, read_at, ours.failures, ours.next_read_at, ours.reason)


def record_success(session: Session, source: str, now: datetime) -> None:
    """Store that the source was read."""
    _upsert(session, source, {"read_at": now, "failures": 0, "next_read_at": None, "reason": None})


def record_failure(
    session: Session, source: str, *, failures: int, reason: str, next_read_at: datetime
) -> None:
    """Store that the source could not be read."""
    _upsert(session, source, {"failures": failures, "next_read_at": next_read_at, "reason": reason})


def _upsert(session: Session, source: str, values: dict[str, Any]) -> None:
    statement = insert(session, MetagraphReadRow).values(source=source, **values)
    session.execute(
        statement.on_conflict_do_update(index_elements=[MetagraphReadRow.source], set_=values),
    )


def forget_not_registered(session: Session, miner_hotkey: str) -> int:
    """Let the miner poll the validators that did not know its hotkey; return how many those are."""
    changed = session.execute(
        update(PollRow)
        .where(
            and_(PollRow.miner_hotkey == miner_hotkey, PollRow.last_outcome == _NOT_REGISTERED),
            or_(PollRow.cooldown_until.is_not(None), PollRow.next_poll_at.is_not(None)),
        )
        .values(cooldown_until=None, next_poll_at=None)
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]
