"""How long the newest tasks took: figures that scheduling looks at many times a minute."""

from statistics import median

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import TaskRow
from trellis_assets.adapters.storage.transactions import Repository

# Enough to smooth, few enough to follow a generator that was replaced.
_NEWEST, _RECENT = 11, 300


class SqlDurations(Repository):
    """`DurationRepository` over SQLAlchemy."""

    def generation_s(self) -> float | None:
        """Return the median duration of the newest generations, seconds; None before the first."""
        with self._reading() as session:
            return generation_s(session)

    def start_s(self) -> float | None:
        """Return the 90th-percentile time from pull to a ready run over the newest tasks, seconds.

        Further attempts are left out: they tell when a run died, not how fast runs start.
        """
        query = (
            select(TaskRow.pulled_at, TaskRow.ready_at)
            .where(_is_recent(), TaskRow.ready_at.is_not(None), TaskRow.attempt == 0)
            .order_by(TaskRow.key.desc())
            .limit(_NEWEST)
        )
        with self._reading() as session:
            rows = session.execute(query).all()
        took = sorted((ready - pulled).total_seconds() for pulled, ready in rows if ready is not None)
        return took[len(took) * 9 // 10] if took else None


def generation_s(session: Session) -> float | None:
    """Return the median over the newest generations; results that were reused took none."""
    query = (
        select(TaskRow.generation_s)
        .where(_is_recent(), TaskRow.generation_s.is_not(None), TaskRow.reused_from.is_(None))
        .order_by(TaskRow.key.desc())
        .limit(_NEWEST)
    )
    took = [seconds for seconds in session.scalars(query) if seconds is not None]
    return median(took) if took else None


def _is_recent() -> ColumnElement[bool]:
    """Return a condition on few rows: reading them costs nothing, also where none has a duration."""
    return TaskRow.key > select(func.max(TaskRow.key) - _RECENT).scalar_subquery()
