"""What was learnt, as JSON: rows of numbers, and never code."""

from datetime import datetime

from sqlalchemy import delete, func, select

from trellis_assets.adapters.storage.models import BeliefsRow, TaskRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.candidates import StoredBeliefs

# Earlier ones tell how what is believed changed.
_KEPT = 20


class SqlBeliefs(Repository):
    """`BeliefsRepository` over SQLAlchemy."""

    def newest(self) -> StoredBeliefs | None:
        """Return what was learnt last; None before that."""
        with self._reading() as session:
            row = session.scalar(select(BeliefsRow).order_by(BeliefsRow.key.desc()).limit(1))
            return None if row is None else StoredBeliefs(row.learnt_at, row.newest_task, row.content)

    def save(self, beliefs: StoredBeliefs) -> None:
        """Store what was learnt; of what was learnt before, the newest few stay."""
        with self._writing() as session:
            row = BeliefsRow(
                learnt_at=beliefs.learnt_at,
                newest_task=beliefs.newest_task,
                content=dict(beliefs.content),
            )
            session.add(row)
            session.flush()
            session.execute(delete(BeliefsRow).where(BeliefsRow.key <= row.key - _KEPT))

    def settled_since(self, at: datetime, limit: int) -> int:
        """Count the tasks that were settled since then, at most `limit`, by the index of their end."""
        some = select(TaskRow.key).where(TaskRow.finished_at > at).limit(limit).subquery()
        with self._reading() as session:
            return session.scalar(select(func.count()).select_from(some)) or 0
