"""What is past its time: model files and pictures, image prompts, ended tasks, old statistics."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.archive import archive_tasks
from trellis_assets.adapters.storage.models import CandidateRow, RecentPromptRow, SnapshotRow, TaskRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.adapters.storage.upsert import chunks
from trellis_assets.domain.retention import ExpiredFiles, Forgotten, StoredModel
from trellis_assets.domain.tasks import TaskKind

ARCHIVED_AT_ONCE = 2_000


class SqlRetention(Repository):
    """`RetentionRepository` over SQLAlchemy."""

    def forget_prompts(self, before: datetime) -> int:
        """Delete prompts of the duplicate window that were seen before then; return how many."""
        return self._count(delete(RecentPromptRow).where(RecentPromptRow.seen_at < before))

    def forget_pictures(self, before: datetime) -> int:
        """Empty image prompts of tasks that ended before then; their hashes stay. Return how many."""
        statement = (
            update(TaskRow)
            .where(TaskRow.finished_at < before, TaskRow.kind == str(TaskKind.IMAGE), TaskRow.prompt != "")
            .values(prompt="")
        )
        return self._count(statement)

    def forget_snapshots(self, before: datetime) -> int:
        """Delete statistics that were taken before then; return how many."""
        return self._count(delete(SnapshotRow).where(SnapshotRow.taken_at < before))

    def archive_tasks(self, before: datetime) -> int:
        """Turn ended tasks into sums, in short transactions between which mining goes on; return how many."""
        archived = 0
        while True:
            with self._writing() as session:
                done = archive_tasks(session, before, ARCHIVED_AT_ONCE)
            archived += done
            if done < ARCHIVED_AT_ONCE:
                return archived

    def stored_models(self) -> list[StoredModel]:
        """Return every model whose files are there, with the last use by any of its tasks."""
        score = func.coalesce(TaskRow.task_fidelity_score, TaskRow.local_score, 0.0)
        pictures = func.coalesce(TaskRow.picture_size, 0) + func.coalesce(TaskRow.cut_size, 0)
        query = (
            select(
                TaskRow.spz_path,
                func.max(TaskRow.spz_size + pictures),
                func.max(func.coalesce(TaskRow.ply_size, 0)),
                func.max(TaskRow.generated_at),
                func.max(score),
                func.count() - func.count(TaskRow.finished_at),
            )
            .where(TaskRow.spz_path.is_not(None), TaskRow.model_deleted_at.is_(None))
            .group_by(TaskRow.spz_path)
        )
        with self._reading() as session:
            rows = session.execute(query).all()
        return [
            StoredModel(spz, size, ply_size, used_at, float(best), bool(unfinished))
            for spz, size, ply_size, used_at, best, unfinished in rows
            if spz is not None and size is not None and used_at is not None
        ]

    def forget_models(self, gone: ExpiredFiles, now: datetime) -> Forgotten:
        """Note that these files are deleted; return the files beside them that no row names any more."""
        with self._writing() as session:
            plys = _forget_files(session, gone.plys, ("ply",))
            pictures = _forget_files(session, gone.models, ("picture", "cut"))
            for some in chunks(gone.models):
                deleted = update(TaskRow).where(TaskRow.spz_path.in_(some)).values(model_deleted_at=now)
                session.execute(deleted)
                candidates = update(CandidateRow).where(
                    CandidateRow.spz_path.in_(some), CandidateRow.files_deleted_at.is_(None)
                )
                session.execute(candidates.values(files_deleted_at=now))
            return Forgotten(tuple(plys), tuple(pictures))

    def known_files(self) -> set[str]:
        """Return paths of all files that a task needs or may need, and of candidates that are kept."""
        spz = select(TaskRow.spz_path).where(
            TaskRow.spz_path.is_not(None), TaskRow.model_deleted_at.is_(None)
        )
        others = (
            select(path).where(path.is_not(None))
            for path in (TaskRow.ply_path, TaskRow.picture_path, TaskRow.cut_path)
        )
        kept = (
            select(path).where(
                path.is_not(None), CandidateRow.spz_path.is_not(None), CandidateRow.files_deleted_at.is_(None)
            )
            for path in (
                CandidateRow.spz_path,
                CandidateRow.ply_path,
                CandidateRow.picture_path,
                CandidateRow.cut_path,
            )
        )
        with self._reading() as session:
            return {path for path in session.scalars(spz.union(*others, *kept)) if path}

    def _count(self, statement: Any) -> int:
        with self._writing() as session:
            changed: Any = session.execute(statement)
            return int(changed.rowcount)


def _forget_files(session: Session, models: Iterable[str], kinds: tuple[str, ...]) -> list[str]:
    """Empty the columns of these files beside the models; return the paths that they held."""
    unnamed = {f"{kind}_{column}": None for kind in kinds for column in ("path", "size", "sha256")}
    found: list[str] = []
    for some in chunks(models):
        named = TaskRow.spz_path.in_(some)
        for kind in kinds:
            path = getattr(TaskRow, f"{kind}_path")
            query = select(path).where(named, path.is_not(None)).distinct()
            found += [p for p in session.scalars(query) if p]
        session.execute(update(TaskRow).where(named).values(**unnamed))
    return found
