"""Decisions as they were taken, one row each."""

from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import DecisionRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.candidates import StoredDecision


class SqlDecisions(Repository):
    """`DecisionRepository` over SQLAlchemy."""

    def record(self, decision: StoredDecision) -> StoredDecision:
        """Store the decision under the task's next number; return it with the number."""
        with self._writing() as session:
            return add_decision(session, decision)

    def of_task(self, task_key: int) -> list[StoredDecision]:
        """Return the task's decisions in the order in which they were taken."""
        query = select(DecisionRow).where(DecisionRow.task_key == task_key).order_by(DecisionRow.number)
        with self._reading() as session:
            return [decision_of(row) for row in session.scalars(query)]


def add_decision(session: Session, decision: StoredDecision) -> StoredDecision:
    """Add the decision to the transaction; return it with its number.

    Of two runs that decide on the same task at once the second fails at the unique key, and is tried again.
    """
    last = session.scalar(
        select(func.max(DecisionRow.number)).where(DecisionRow.task_key == decision.task_key)
    )
    numbered = replace(decision, number=0 if last is None else last + 1)
    session.add(
        DecisionRow(
            task_key=numbered.task_key,
            number=numbered.number,
            at=numbered.at,
            policy=numbered.policy,
            fallback=numbered.fallback,
            move=numbered.move,
            recipe=numbered.recipe,
            candidate=numbered.candidate,
            reason=numbered.reason,
            figures=dict(numbered.figures),
        )
    )
    return numbered


def decision_of(row: DecisionRow) -> StoredDecision:
    """Return the row as a decision."""
    return StoredDecision(
        task_key=row.task_key,
        number=row.number,
        at=row.at,
        policy=row.policy,
        fallback=row.fallback,
        move=row.move,
        recipe=row.recipe,
        candidate=row.candidate,
        reason=row.reason,
        figures=row.figures,
    )
