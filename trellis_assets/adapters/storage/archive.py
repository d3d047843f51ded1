"""Ended tasks of which only sums stay."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.models import (
    ArchivedTasksRow,
    CandidateRow,
    DecisionRow,
    RecentPromptRow,
    TaskRow,
    ValidationRow,
)
from trellis_assets.adapters.storage.totals import idle_validations, sums
from trellis_assets.adapters.storage.upsert import chunks, insert

# Sums of tasks of no session, and of no validator, have these in their key.
NO_SESSION, NO_VALIDATOR = 0, ""
_KEY = ("session_id", "miner_hotkey", "validator_hotkey")


def archive_tasks(session: Session, before: datetime, limit: int) -> int:
    """Turn tasks that ended before into sums, and delete their rows, verdicts, candidates and decisions.

    Return how many. A task stays while its file does, so that a file always has its task.
    Files of its other candidates are swept when no row names them any more.
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
    for some in chunks(keys):
        _add_sums(session, some)
        for beside in (ValidationRow, CandidateRow, DecisionRow):
            session.execute(delete(beside).where(beside.task_key.in_(some)))
        session.execute(delete(RecentPromptRow).where(RecentPromptRow.task_key.in_(some)))
        session.execute(delete(TaskRow).where(TaskRow.key.in_(some)))
    return len(keys)


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
