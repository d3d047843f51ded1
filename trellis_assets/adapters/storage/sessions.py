"""Sessions of mining: one per start of the miner."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import SessionRow, TaskRow
from trellis_assets.adapters.storage.transactions import Repository


class SqlSessions(Repository):
    """`SessionRepository` over SQLAlchemy."""

    def start(self, now: datetime, flags: Mapping[str, object]) -> int:
        """Start a session; return its number."""
        with self._writing() as session:
            row = SessionRow(started_at=now, flags=dict(flags))
            session.add(row)
            session.flush()
            return row.id

    def drain(self, session_id: int, now: datetime) -> None:
        """Let the session take no new task from now on."""
        with self._writing() as session:
            session.execute(update(SessionRow).where(SessionRow.id == session_id).values(draining_at=now))

    def is_draining(self, session_id: int) -> bool:
        """Return whether the session takes no new task."""
        with self._reading() as session:
            row = session.get(SessionRow, session_id)
            return row is not None and (row.draining_at or row.ended_at) is not None

    def end(self, session_id: int, now: datetime) -> None:
        """Note that the session is over."""
        with self._writing() as session:
            session.execute(update(SessionRow).where(SessionRow.id == session_id).values(ended_at=now))

    def first_start(self) -> datetime | None:
        """Return when mining began with this store; None if it never did."""
        with self._reading() as session:
            return started_at(session, None)


def started_at(session: Session, session_id: int | None) -> datetime | None:
    """Return when the session, or the first one, started; without any, when the first task came."""
    query = select(func.min(SessionRow.started_at))
    if session_id is not None:
        query = query.where(SessionRow.id == session_id)
    return session.scalar(query) or session.scalar(select(func.min(TaskRow.pulled_at)))
