"""Tasks that have a model, for people to look at."""

from dataclasses import replace

from sqlalchemy import func, select

from trellis_assets.adapters.storage.candidate_mapping import candidate_of
from trellis_assets.adapters.storage.decisions import decision_of
from trellis_assets.adapters.storage.mapping import task_of
from trellis_assets.adapters.storage.models import (
    CandidateRow,
    DecisionRow,
    PollRow,
    TaskRow,
    ValidatorRow,
)
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.candidates import StoredCandidate, StoredDecision
from trellis_assets.domain.model_filter import ModelFilter
from trellis_assets.domain.tasks import Task, TaskKind


class SqlModelCatalogue(Repository):
    """`ModelCatalogue` over SQLAlchemy; only reads."""

    def models(self, wanted: ModelFilter, limit: int) -> list[Task]:
        """Return the tasks that the filter lets through, the newest first."""
        query = select(TaskRow)
        if wanted.has_model:
            query = query.where(TaskRow.spz_path.is_not(None), TaskRow.model_deleted_at.is_(None))
        if wanted.outcome is not None:
            query = query.where(TaskRow.state == str(wanted.outcome))
        if wanted.validator is not None:
            query = query.where(TaskRow.validator_hotkey == wanted.validator)
        if wanted.least_score is not None:
            score = func.coalesce(TaskRow.task_fidelity_score, TaskRow.local_score)
            query = query.where(score >= wanted.least_score)
        if wanted.day is not None:
            query = query.where(TaskRow.pulled_at >= wanted.day, TaskRow.pulled_at < wanted.next_day)
        if wanted.text is not None:
            # Nobody searches for the base64 text of a picture.
            matches = TaskRow.prompt.icontains(wanted.text, autoescape=True)
            query = query.where(TaskRow.kind == str(TaskKind.TEXT), matches)
        if wanted.before is not None:
            query = query.where(TaskRow.key < wanted.before)
        with self._reading() as session:
            rows = session.scalars(query.order_by(TaskRow.key.desc()).limit(limit))
            return [_shown(row) for row in rows]

    def model(self, key: int) -> Task | None:
        """Return the task of that key, if it has a model."""
        with self._reading() as session:
            row = session.get(TaskRow, key)
            is_there = row is not None and row.spz_path is not None and row.model_deleted_at is None
            return task_of(row) if row is not None and is_there else None

    def task(self, key: int) -> Task | None:
        """Return the task of that key; without its generation where the model was deleted."""
        with self._reading() as session:
            row = session.get(TaskRow, key)
            return None if row is None else _shown(row)

    def candidates(self, key: int) -> list[StoredCandidate]:
        """Return the task's candidates by number, and then those made on its prompt while idle."""
        query = (
            select(CandidateRow)
            .where(CandidateRow.task_key == key)
            .order_by(CandidateRow.is_idle, CandidateRow.number)
        )
        with self._reading() as session:
            return [candidate_of(row) for row in session.scalars(query)]

    def decisions(self, key: int) -> list[StoredDecision]:
        """Return the task's decisions in the order in which they were taken."""
        query = select(DecisionRow).where(DecisionRow.task_key == key).order_by(DecisionRow.number)
        with self._reading() as session:
            return [decision_of(row) for row in session.scalars(query)]

    def neighbours(self, key: int) -> tuple[int | None, int | None]:
        """Return the keys of the tasks before and after, None at the ends."""
        before = select(func.max(TaskRow.key)).where(TaskRow.key < key)
        after = select(func.min(TaskRow.key)).where(TaskRow.key > key)
        with self._reading() as session:
            return session.scalar(before), session.scalar(after)

    def validators(self) -> list[tuple[str, str]]:
        """Return hotkey and name of the validators that were ever polled, the highest stake first."""
        query = (
            select(PollRow.hotkey, func.max(ValidatorRow.uid))
            .outerjoin(ValidatorRow, ValidatorRow.hotkey == PollRow.hotkey)
            .group_by(PollRow.hotkey)
            .order_by(func.max(ValidatorRow.stake).desc().nulls_last(), PollRow.hotkey)
        )
        with self._reading() as session:
            rows = session.execute(query).all()
        return [(hotkey, f"uid {uid}" if uid is not None else hotkey[:12]) for hotkey, uid in rows]


def _shown(row: TaskRow) -> Task:
    """Return the task, without its generation where the model was deleted."""
    task = task_of(row)
    return task if row.model_deleted_at is None else replace(task, generation=None)
