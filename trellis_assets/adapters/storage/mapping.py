"""Rows to domain values and back."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, Select, case, select
from sqlalchemy.orm import Session, defer

from trellis_assets.adapters.storage.models import PollRow, TaskRow, ValidatorRow
from trellis_assets.domain.columns.column import Column, Part
from trellis_assets.domain.columns.task_columns import columns_of_part
from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation, StoredFile
from trellis_assets.domain.standings import standing_per_hour
from trellis_assets.domain.statistics import ValidatorCounters
from trellis_assets.domain.submissions import Submission
from trellis_assets.domain.tasks import Task, TaskKind, TaskState
from trellis_assets.domain.validators import Validator
from trellis_assets.domain.verdicts import Verdict

_COLUMNS = {part: columns_of_part(part) for part in Part}
# Fields of a field, as those of files, are put together on their own.
_PLAIN_COLUMNS = {part: [c for c in columns if "." not in c.field] for part, columns in _COLUMNS.items()}

# Of a task's picture, some megabytes, only the run that makes a model of it needs more than the digest.
_WORDS = case((TaskRow.kind == str(TaskKind.IMAGE), ""), else_=TaskRow.prompt)


def select_without_pictures() -> Select[TaskRow, str]:
    """Return the query of tasks for `tasks_of`: a hundred that wait may hold a gigabyte of pictures."""
    return select(TaskRow, _WORDS).options(defer(TaskRow.prompt, raiseload=True))


def tasks_of(session: Session, query: Select[TaskRow, str]) -> list[Task]:
    """Return the tasks that a query of `select_without_pictures` finds; image tasks have an empty prompt."""
    return [task_of(row, words) for row, words in session.execute(query)]


def task_of(row: TaskRow, words: str | None = None) -> Task:
    """Return the row as a value, with `words` for its prompt where they are given."""
    return Task(
        key=row.key,
        task_id=row.task_id,
        miner_hotkey=row.miner_hotkey,
        validator_uid=row.validator_uid,
        validator_hotkey=row.validator_hotkey,
        validator_stake=row.validator_stake,
        kind=TaskKind(row.kind),
        prompt=row.prompt if words is None else words,
        prompt_sha256=row.prompt_sha256,
        validation_threshold=row.validation_threshold,
        throttle_s=row.throttle_s,
        pulled_at=row.pulled_at,
        state=TaskState(row.state),
        attempt=row.attempt,
        requested_at=row.requested_at,
        run_id=row.run_id,
        claimed_until=row.claimed_until,
        finished_at=row.finished_at,
        reason=row.reason,
        session_id=row.session_id,
        generation=_generation(row),
        verdict=_verdict(row),
        submission=_submission(row),
        feedback=_feedback(row),
        submit_after=row.submit_after,
    )


def _files(row: TaskRow) -> dict[str, Any]:
    return {name: _file(row, name) for name in ("spz", "ply", "picture", "cut")}


def _file(row: TaskRow, name: str) -> StoredFile | None:
    path, size, sha256 = (getattr(row, f"{name}_{part}") for part in ("path", "size", "sha256"))
    return None if path is None or size is None or sha256 is None else StoredFile(path, size, sha256)


def _fields(row: TaskRow, part: Part) -> dict[str, Any]:
    """Return the fields of a part of the task that are columns of their own, as its dataclass has them."""
    return {column.field: _read(row, column) for column in _PLAIN_COLUMNS[part]}


def _read(row: TaskRow, column: Column) -> Any:
    value = getattr(row, column.name)
    if value is None:
        return column.unset
    return value if column.read is None else column.read(value)


def _generation(row: TaskRow) -> Generation | None:
    files = _files(row)
    if files["spz"] is None or row.generation_started_at is None or row.generated_at is None:
        return None
    return Generation(**_fields(row, Part.GENERATION), **files)


def _verdict(row: TaskRow) -> Verdict | None:
    if row.local_score is None or row.validation_started_at is None:
        return None
    return Verdict(**_fields(row, Part.VERDICT))


def _submission(row: TaskRow) -> Submission | None:
    if row.submission_kind is None or row.submitted_at is None:
        return None
    return Submission(**_fields(row, Part.SUBMISSION))


def _feedback(row: TaskRow) -> Feedback | None:
    return None if row.feedback_at is None else Feedback(**_fields(row, Part.FEEDBACK))


def columns_of(
    *,
    generation: Generation | None = None,
    verdict: Verdict | None = None,
    submission: Submission | None = None,
    feedback: Feedback | None = None,
) -> Mapping[str, Any]:
    """Return the columns that store what is given; a part that is None is left as it is."""
    parts = {
        Part.GENERATION: generation,
        Part.VERDICT: verdict,
        Part.SUBMISSION: submission,
        Part.FEEDBACK: feedback,
    }
    return {
        column.name: _written(part, column)
        for name, part in parts.items()
        if part is not None
        for column in _COLUMNS[name]
    }


def _written(part: object, column: Column) -> Any:
    value = column.value_in_part(part)
    return value if value is None or column.write is None else column.write(value)


def clear(row: TaskRow, part: Part) -> None:
    """Empty the columns of a part of the task."""
    for column in _COLUMNS[part]:
        setattr(row, column.name, None)


def validator_of(row: ValidatorRow | Row[Any]) -> Validator:
    """Return the row as a value."""
    return Validator(
        uid=row.uid,
        hotkey=row.hotkey,
        ip=row.ip,
        port=row.port,
        stake=row.stake,
        trust=row.trust,
        consensus=row.consensus,
        validator_permit=row.validator_permit,
    )


def counters_of(poll: PollRow, validator: ValidatorRow | None) -> ValidatorCounters:
    """Return both rows as one value; a validator that was never listed has uid -1."""
    return ValidatorCounters(
        miner_hotkey=poll.miner_hotkey,
        uid=validator.uid if validator else -1,
        hotkey=poll.hotkey,
        stake=validator.stake if validator else 0.0,
        total_pulls=poll.total_pulls,
        total_tasks_received=poll.total_tasks_received,
        total_tasks_submitted=poll.total_tasks_submitted,
        total_successful_submissions=poll.total_successful_submissions,
        total_handed_back=poll.total_handed_back,
        average_score=poll.average_score,
        last_reward=poll.last_reward,
        reward_per_hour=standing_per_hour([(at, standing) for at, standing in poll.standings or []]),
        validator_average=poll.validator_average,
        last_duel_rating=poll.last_duel_rating,
        last_task_received=poll.last_task_received,
        cooldown_until=poll.cooldown_until,
        cooldown_violations=poll.cooldown_violations,
    )
