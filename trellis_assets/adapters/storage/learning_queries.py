"""What was recorded until a moment, for learning pages: few columns of the newest rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from trellis_assets.adapters.storage.models import CandidateRow, DecisionRow, TaskRow
from trellis_assets.adapters.storage.settled_tasks import SETTLED_COLUMNS, settled_of
from trellis_assets.domain.learning.recorded import PolicyOutcome, RecordedCandidate, RecordedModel
from trellis_assets.domain.learning.settled_tasks import SettledTask
from trellis_assets.domain.tasks import FINAL_STATES, TaskKind, TaskState

_ACCEPTED = str(TaskState.ACCEPTED)
# A result came of these, or none did: unknown outcomes are not counted.
_KNOWN = [str(state) for state in (TaskState.ACCEPTED, TaskState.REJECTED, TaskState.HANDED_BACK)]


class SqlLearningQueries:
    """`LearningQueries` over SQLAlchemy."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def settled(self, until: datetime, newest: int) -> list[SettledTask]:
        """Return the newest settled tasks of validators that have a model, oldest first."""
        query = (
            select(*SETTLED_COLUMNS)
            .where(TaskRow.state.in_([str(state) for state in FINAL_STATES]))
            .where(TaskRow.validator_hotkey.is_not(None), TaskRow.spz_path.is_not(None))
            .where(TaskRow.finished_at < until)
            .order_by(TaskRow.key.desc())
            .limit(newest)
        )
        with self._reading() as connection:
            return [settled_of(row) for row in connection.execute(query)][::-1]

    def candidates(self, until: datetime, newest: int) -> list[RecordedCandidate]:
        """Return the newest candidates, submitted or not, oldest first."""
        query = (
            select(
                CandidateRow.task_key,
                TaskRow.kind,
                CandidateRow.recipe,
                CandidateRow.recipe_version,
                CandidateRow.local_score,
                CandidateRow.failed_checks,
                CandidateRow.problem,
                CandidateRow.duration_s,
                CandidateRow.validation_s,
                CandidateRow.is_idle,
                CandidateRow.endpoint,
                CandidateRow.number,
                TaskRow.state,
            )
            .join(TaskRow, TaskRow.key == CandidateRow.task_key)
            .where(CandidateRow.finished_at < until)
            .order_by(CandidateRow.key.desc())
            .limit(newest)
        )
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [
            RecordedCandidate(
                task_key=row.task_key,
                kind=row.kind,
                recipe=row.recipe,
                version=row.recipe_version,
                score=row.local_score,
                is_valid=row.problem is None and not row.failed_checks,
                made_s=row.duration_s + (row.validation_s or 0.0),
                endpoint=row.endpoint,
                is_idle=row.is_idle,
                number=row.number,
                is_accepted=row.state == _ACCEPTED if row.state in _KNOWN else None,
            )
            for row in reversed(rows)
        ]

    def models(self, until: datetime, newest: int) -> list[RecordedModel]:
        """Return the models of the newest settled tasks whose outcome is known, oldest first."""
        query = (
            select(
                TaskRow.key,
                TaskRow.kind,
                TaskRow.prompt,
                TaskRow.splat_count,
                TaskRow.state,
                TaskRow.local_parts,
            )
            .where(TaskRow.state.in_(_KNOWN), TaskRow.spz_path.is_not(None))
            .where(TaskRow.finished_at < until)
            .order_by(TaskRow.key.desc())
            .limit(newest)
        )
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [
            RecordedModel(
                key=row.key,
                kind=row.kind,
                prompt=(row.prompt or "") if row.kind == TaskKind.TEXT else "",
                splat_count=row.splat_count or 0,
                is_accepted=row.state == _ACCEPTED,
                parts=_numbers(row.local_parts),
            )
            for row in reversed(rows)
        ]

    def policies(self, until: datetime, newest: int) -> list[PolicyOutcome]:
        """Return by which policy the newest settled tasks were mined, oldest first."""
        last = (
            select(DecisionRow.task_key, func.max(DecisionRow.number).label("number"))
            .group_by(DecisionRow.task_key)
            .order_by(DecisionRow.task_key.desc())
            .limit(2 * newest)
            .subquery()
        )
        query = (
            select(TaskRow.key, DecisionRow.policy, DecisionRow.fallback, TaskRow.state)
            .join(last, last.c.task_key == TaskRow.key)
            .join(
                DecisionRow,
                (DecisionRow.task_key == last.c.task_key) & (DecisionRow.number == last.c.number),
            )
            .where(TaskRow.state.in_(_KNOWN), TaskRow.finished_at < until)
            .order_by(TaskRow.key.desc())
            .limit(newest)
        )
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [
            PolicyOutcome(row.key, row.policy, row.fallback or "", row.state == _ACCEPTED)
            for row in reversed(rows)
        ]

    def _reading(self) -> Connection:
        return self._engine.connect().execution_options(reads_only=True)


def _numbers(parts: Mapping[str, Any] | None) -> dict[str, float]:
    found = (parts or {}).items()
    return {
        name: float(value)
        for name, value in found
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
