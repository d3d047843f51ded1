"""Candidates: models that were made for tasks, submitted or not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage import validations
from trellis_assets.adapters.storage.candidate_mapping import (
    KEY_COLUMNS,
    candidate_of,
    past_prompts_of,
    values_of,
    verdict_values,
)
from trellis_assets.adapters.storage.decisions import add_decision
from trellis_assets.adapters.storage.mapping import clear, columns_of, task_of
from trellis_assets.adapters.storage.models import CandidateRow, TaskRow
from trellis_assets.adapters.storage.noted_events import note_value
from trellis_assets.adapters.storage.tasks import moved_row
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.adapters.storage.upsert import insert_ignoring_conflict
from trellis_assets.domain.candidates import CandidateScore, StoredCandidate, StoredDecision
from trellis_assets.domain.columns.column import Part
from trellis_assets.domain.event_counts import Event
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.learning.exploration import PastPrompt
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.domain.verdicts import Verdict


class SqlCandidates(Repository):
    """`CandidateRepository` over SQLAlchemy."""

    def record(self, candidate: StoredCandidate) -> StoredCandidate:
        """Store the candidate; return it, or the one that another run stored under its number before."""
        with self._writing() as session:
            if insert_ignoring_conflict(session, CandidateRow, values_of(candidate)):
                return candidate
            return candidate_of(session.scalars(_one(candidate)).one())

    def judge(self, candidate: StoredCandidate, verdict: Verdict) -> StoredCandidate:
        """Store the local verdict on the candidate; return it with the verdict."""
        with self._writing() as session:
            session.execute(_change(candidate).values(**verdict_values(verdict)))
        return replace(candidate, verdict=verdict)

    def mark_unusable(self, candidate: StoredCandidate, problem: str, now: datetime) -> StoredCandidate:
        """Note why it cannot be submitted although it was stored; its file counts as deleted."""
        with self._writing() as session:
            session.execute(_change(candidate).values(problem=problem, files_deleted_at=now, is_chosen=False))
        return replace(candidate, problem=problem, files_deleted_at=now, is_chosen=False)

    def choose(
        self,
        candidate: StoredCandidate,
        *,
        now: datetime,
        run_id: str,
        decision: StoredDecision | None = None,
    ) -> Task:
        """Make the candidate's model the task's, and move the task to `generated`, in one transaction."""
        with self._writing() as session:
            row = moved_row(
                session, candidate.task_key, TaskState.GENERATED, now=now, reason=None, run_id=run_id
            )
            clear(row, Part.VERDICT)  # of an earlier model
            given = columns_of(generation=candidate.generation, verdict=candidate.verdict)
            for name, value in given.items():
                setattr(row, name, value)
            if candidate.verdict is not None:
                validations.add_to_history(session, row, candidate.verdict, is_idle=False)
                note_value(session, row, Event.VALIDATION_S, row.validation_s)
            note_value(session, row, Event.GENERATION_S, row.generation_s)
            if not insert_ignoring_conflict(
                session, CandidateRow, values_of(replace(candidate, is_chosen=True))
            ):
                session.execute(_change(candidate).values(is_chosen=True))
            if decision is not None:
                add_decision(session, decision)
            session.flush()
            return task_of(row)

    def of_task(self, task_key: int, *, is_idle: bool = False) -> list[StoredCandidate]:
        """Return the task's candidates by number."""
        query = (
            select(CandidateRow)
            .where(CandidateRow.task_key == task_key, CandidateRow.is_idle.is_(is_idle))
            .order_by(CandidateRow.number)
        )
        with self._reading() as session:
            return [candidate_of(row) for row in session.scalars(query)]

    def past_prompts(self, miner_hotkey: str, start: datetime, end: datetime) -> list[PastPrompt]:
        """Return the miner's settled tasks generated in these hours whose prompt is stored, by key."""
        query = (
            select(TaskRow.key, CandidateRow.recipe_version, CandidateRow.is_idle, CandidateRow.number)
            .outerjoin(CandidateRow, CandidateRow.task_key == TaskRow.key)
            .where(
                # Not by the index that begins with the miner: it would read all that the miner ever did.
                func.coalesce(TaskRow.miner_hotkey, "") == miner_hotkey,
                TaskRow.generated_at >= start,
                TaskRow.generated_at < end,
                TaskRow.finished_at.is_not(None),
                TaskRow.prompt != "",
            )
            .order_by(TaskRow.key)
        )
        with self._reading() as session:
            rows = session.execute(query).all()
        return past_prompts_of(rows)

    def seconds_since(self, since: datetime) -> tuple[float, float]:
        """Return seconds of endpoints that candidates took since then: for tasks, and while idle."""
        query = (
            select(CandidateRow.is_idle, func.sum(CandidateRow.duration_s))
            .where(CandidateRow.finished_at >= since)
            .group_by(CandidateRow.is_idle)
        )
        with self._reading() as session:
            found = {bool(is_idle): float(seconds) for is_idle, seconds in session.execute(query)}
        return found.get(False, 0.0), found.get(True, 0.0)

    def newest(self, limit: int, *, is_idle: bool | None = None) -> list[StoredCandidate]:
        """Return the newest candidates of all tasks, oldest first."""
        query = select(CandidateRow).order_by(CandidateRow.key.desc()).limit(limit)
        if is_idle is not None:
            query = query.where(CandidateRow.is_idle.is_(is_idle))
        with self._reading() as session:
            return [candidate_of(row) for row in session.scalars(query)][::-1]

    def scores(self, limit: int) -> list[CandidateScore]:
        """Return what the newest candidates teach that were judged or have a problem, oldest first.

        One that was judged after it was chosen has its score in the task's row.
        """
        task_score = case((CandidateRow.is_chosen, TaskRow.local_score))
        score = func.coalesce(CandidateRow.local_score, task_score)
        failed = case(
            (CandidateRow.local_score.is_(None), TaskRow.failed_checks), else_=CandidateRow.failed_checks
        )
        judging_s = func.coalesce(CandidateRow.validation_s, TaskRow.validation_s, 0.0)
        query = (
            select(
                CandidateRow.task_key,
                CandidateRow.recipe,
                CandidateRow.recipe_version,
                TaskRow.kind,
                score,
                failed,
                CandidateRow.problem,
                CandidateRow.duration_s + judging_s,
            )
            .join(TaskRow, TaskRow.key == CandidateRow.task_key)
            .order_by(CandidateRow.key.desc())
            .limit(limit)
        )
        with self._reading() as session:
            rows = session.execute(query).all()
        return [
            CandidateScore(key, f"{name}@{version}", kind, found, problem is None and not failed, made_s)
            for key, name, version, kind, found, failed, problem, made_s in rows[::-1]
            if found is not None or problem is not None
        ]

    def expired(self, before: datetime) -> list[StoredCandidate]:
        """Return candidates with files that were made before then, and that no task has or may still take."""
        query = (
            select(CandidateRow)
            .outerjoin(TaskRow, TaskRow.key == CandidateRow.task_key)
            .where(
                CandidateRow.spz_path.is_not(None),
                CandidateRow.files_deleted_at.is_(None),
                CandidateRow.is_chosen.is_(False),
                CandidateRow.finished_at < before,
                # Another run may still submit it; an idle one is of a task that has ended.
                TaskRow.finished_at.is_not(None) | TaskRow.key.is_(None),
            )
            .order_by(CandidateRow.key)
        )
        with self._reading() as session:
            return [candidate_of(row) for row in session.scalars(query)]

    def forget_files(self, candidates: Sequence[StoredCandidate], now: datetime) -> list[StoredFile]:
        """Note that their files are deleted; return those files that no task and no other candidate names."""
        unnamed: dict[str, StoredFile] = {}
        with self._writing() as session:
            for candidate in candidates:
                session.execute(_change(candidate).values(files_deleted_at=now))
            for candidate in candidates:
                files = (candidate.spz, candidate.ply, candidate.picture, candidate.cut)
                for file in (file for file in files if file is not None):
                    if not _is_named(session, candidate.task_key, file.path):
                        unnamed[file.path] = file
        return list(unnamed.values())


def _is_named(session: Session, task_key: int, path: str) -> bool:
    """Return whether a task, or a candidate whose files are kept, has the file.

    Files are named by task and content: besides the task's own rows only a duplicate, which has the same
    SPZ, can name one.
    """
    by_task = select(TaskRow.key).where(
        TaskRow.model_deleted_at.is_(None),
        (TaskRow.key == task_key)
        & (
            (TaskRow.spz_path == path)
            | (TaskRow.ply_path == path)
            | (TaskRow.picture_path == path)
            | (TaskRow.cut_path == path)
        ),
    )
    by_duplicate = select(TaskRow.key).where(TaskRow.spz_path == path, TaskRow.model_deleted_at.is_(None))
    by_candidate = select(CandidateRow.key).where(
        CandidateRow.task_key == task_key,
        CandidateRow.files_deleted_at.is_(None),
        (CandidateRow.spz_path == path)
        | (CandidateRow.ply_path == path)
        | (CandidateRow.picture_path == path)
        | (CandidateRow.cut_path == path),
    )
    return any(session.scalar(query.limit(1)) is not None for query in (by_task, by_duplicate, by_candidate))


def _is(candidate: StoredCandidate) -> list[Any]:
    return [getattr(CandidateRow, name) == getattr(candidate, name) for name in KEY_COLUMNS]


def _one(candidate: StoredCandidate) -> Any:
    return select(CandidateRow).where(*_is(candidate))


def _change(candidate: StoredCandidate) -> Any:
    return update(CandidateRow).where(*_is(candidate))
