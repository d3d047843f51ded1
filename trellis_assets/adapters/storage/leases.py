"""The leases of tasks and of generation slots, as one process watches them."""

from sqlalchemy import select, update

from trellis_assets.adapters.storage.models import SlotRow, TaskRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.leases import HeldLeases, Lease


class SqlLeases(Repository):
    """`LeaseRepository` over SQLAlchemy."""

    def held(self) -> HeldLeases:
        """Return every lease that is held, by all miners of the store."""
        claims = select(TaskRow.key, TaskRow.run_id, TaskRow.claimed_until).where(
            TaskRow.finished_at.is_(None), TaskRow.claimed_until.is_not(None)
        )
        slots = select(SlotRow.endpoint, SlotRow.task_key, SlotRow.held_until).where(
            SlotRow.task_key.is_not(None)
        )
        with self._reading() as session:
            return HeldLeases(
                claims=[Lease(*row) for row in session.execute(claims)],
                slots=[Lease(*row) for row in session.execute(slots)],
            )

    def end_claim(self, lease: Lease) -> bool:
        """End the claim unless it was renewed meanwhile; return whether it was ended.

        The run stays named: its moves count until another run claims the task.
        """
        statement = (
            update(TaskRow)
            .where(
                TaskRow.key == lease.resource,
                TaskRow.run_id == lease.holder,
                TaskRow.claimed_until == lease.until,
            )
            .values(claimed_until=None)
        )
        with self._writing() as session:
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]

    def end_slot(self, lease: Lease) -> bool:
        """Free the endpoint unless its lease was renewed meanwhile; return whether it was freed."""
        statement = (
            update(SlotRow)
            .where(
                SlotRow.endpoint == lease.resource,
                SlotRow.task_key == lease.holder,
                SlotRow.held_until == lease.until,
            )
            .values(task_key=None, held_until=None)
        )
        with self._writing() as session:
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]
