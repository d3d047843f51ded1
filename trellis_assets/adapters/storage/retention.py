"""Rows that are past their time: which model files there are, and tasks of which only sums stay."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import (
    ArchivedTasksRow,
    RecentPromptRow,
    SnapshotRow,
    TaskRow,
    ValidationRow,
)
from trellis_assets.adapters.storage.polls import insert
from trellis_assets.adapters.storage.statistics import idle_validations, sums
from trellis_assets.domain.retention import StoredModel
from trellis_assets.domain.tasks import TaskKind

# Sums of tasks of no session, and of no validator, have these in their key.
NO_SESSION, NO_VALIDATOR = 0, ""
_KEY = ("session_id", "miner_hotkey", "validator_hotkey")
_CHUNK = 500


def stored_models(session: Session) -> list[StoredModel]:
    """Every model whose files are there, with the last use by any of its tasks."""
    score = func.coalesce(TaskRow.task_fidelity_score, TaskRow.local_score, 0.0)
    query = (
        select(
            TaskRow.spz_path,
            func.max(
                TaskRow.spz_size + func.coalesce(TaskRow.picture_size, 0) + func.coalesce(TaskRow.cut_size, 0)
            ),
            func.max(func.coalesce(TaskRow.ply_size, 0)),
            func.max(TaskRow.generated_at),
            func.max(score),
            func.count() - func.count(TaskRow.finished_at),
        )
        .where(TaskRow.spz_path.is_not(None), TaskRow.model_deleted_at.is_(None))
        .group_by(TaskRow.spz_path)
    )
    return [
        StoredModel(spz, size, ply_size, used_at, float(best), bool(unfinished))
        for spz, size, ply_size, used_at, best, unfinished in session.execute(query)
        if spz is not None and size is not None and used_at is not None
    ]


def forget_plys(session: Session, models: Iterable[str]) -> list[str]:
    """Paths of the models' PLY files, which no row names any more."""
    found: list[str] = []
    for some in _chunks(models):
        named = TaskRow.spz_path.in_(some)
        query = select(TaskRow.ply_path).where(named, TaskRow.ply_path.is_not(None)).distinct()
        found += [path for path in session.scalars(query) if path]
        session.execute(update(TaskRow).where(named).values(ply_path=None, ply_size=None, ply_sha256=None))
    return found


def forget_pictures_of(session: Session, models: Iterable[str]) -> list[str]:
    """Paths of the pictures that the models were made from, which no row names any more."""
    found: list[str] = []
    unnamed = {
        f"{name}_{column}": None for name in ("picture", "cut") for column in ("path", "size", "sha256")
    }
    for some in _chunks(models):
        named = TaskRow.spz_path.in_(some)
        for path in (TaskRow.picture_path, TaskRow.cut_path):
            found += [
                p for p in session.scalars(select(path).where(named, path.is_not(None)).distinct()) if p
            ]
        session.execute(update(TaskRow).where(named).values(**unnamed))
    return found


def mark_deleted(session: Session, models: Iterable[str], now: datetime) -> None:
    """The models' tasks say that their file was deleted on purpose."""
    for some in _chunks(models):
        session.execute(update(TaskRow).where(TaskRow.spz_path.in_(some)).values(model_deleted_at=now))


def forget_pictures(session: Session, before: datetime) -> int:
    """How many image prompts of tasks that ended before were dropped; their hashes stay."""
    gone: Any = session.execute(
        update(TaskRow)
        .where(TaskRow.finished_at < before, TaskRow.kind == str(TaskKind.IMAGE), TaskRow.prompt != "")
        .values(prompt="")
    )
    return int(gone.rowcount)


def known_files(session: Session) -> set[str]:
    """Paths of all files that a task needs or may need."""
    spz = select(TaskRow.spz_path).where(TaskRow.spz_path.is_not(None), TaskRow.model_deleted_at.is_(None))
    ply = select(TaskRow.ply_path).where(TaskRow.ply_path.is_not(None))
    made_from = (select(path).where(path.is_not(None)) for path in (TaskRow.picture_path, TaskRow.cut_path))
    return {path for path in session.scalars(spz.union(ply, *made_from)) if path}


def archive_tasks(session: Session, before: datetime, limit: int) -> int:
    """How many tasks that ended before became sums; their rows and verdicts are gone.

    A task stays while its file does: whoever finds the file can still find out whose it is.
    """
    keys = list(
        session.scalars(
            select(TaskRow.key)
            .where(
                TaskRow.finished_at < before,
                TaskRow.spz_path.is_(None) | TaskRow.model_deleted_at.is_not(None),
            )
            .order_by(TaskRow.finished_at)
            .limit(limit)
            # Of two that archive at once, each takes other rows: none is added to the sums twice.
            .with_for_update(skip_locked=True)
        )
    )
    for some in _chunks(keys):
        _add_sums(session, some)
        session.execute(delete(ValidationRow).where(ValidationRow.task_key.in_(some)))
        session.execute(delete(RecentPromptRow).where(RecentPromptRow.task_key.in_(some)))
        session.execute(delete(TaskRow).where(TaskRow.key.in_(some)))
    return len(keys)


def forget_snapshots(session: Session, before: datetime) -> int:
    """How many exported statistics were dropped."""
    gone: Any = session.execute(delete(SnapshotRow).where(SnapshotRow.taken_at < before))
    return int(gone.rowcount)


def _add_sums(session: Session, keys: list[int]) -> None:
    columns = sums()
    group = (TaskRow.session_id, TaskRow.miner_hotkey, TaskRow.validator_hotkey)
    query = (
        select(*group, *(column.label(name) for name, column in columns.items()))
        .where(TaskRow.key.in_(keys))
        .group_by(*group)
        .order_by(*group)  # rows of the sums are locked in one order by all
    )
    for session_id, miner, validator, *values in session.execute(query).all():
        mine = (
            TaskRow.key.in_(keys),
            TaskRow.miner_hotkey == miner,
            TaskRow.session_id.is_not_distinct_from(session_id),
            TaskRow.validator_hotkey.is_not_distinct_from(validator),
        )
        added = dict(zip(columns, values, strict=True))
        added["idle_validations"] = session.scalar(idle_validations().where(*mine)) or 0
        key = (session_id or NO_SESSION, miner, validator or NO_VALIDATOR)
        statement = insert(session, ArchivedTasksRow).values(**dict(zip(_KEY, key, strict=True)), **added)
        more = {name: getattr(ArchivedTasksRow, name) + statement.excluded[name] for name in added}
        session.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=more))


def _chunks(items: Iterable[Any]) -> Iterable[list[Any]]:
    """Databases bound how many values a statement takes."""
    listed = list(items)
    return (listed[start : start + _CHUNK] for start in range(0, len(listed), _CHUNK))
