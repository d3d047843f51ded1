"""Rows to domain values and back."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, Select, case, select
from sqlalchemy.orm import Session, defer

from trellis_assets.adapters.storage.models import PollRow, TaskRow, ValidatorRow
from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation, StoredFile
from trellis_assets.domain.statistics import ValidatorCounters, standing_per_hour
from trellis_assets.domain.submissions import Submission, SubmissionKind
from trellis_assets.domain.tasks import Task, TaskKind, TaskState
from trellis_assets.domain.validators import Validator
from trellis_assets.domain.verdicts import Verdict

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


def _file(path: str | None, size: int | None, sha256: str | None) -> StoredFile | None:
    return None if path is None or size is None or sha256 is None else StoredFile(path, size, sha256)


def _generation(row: TaskRow) -> Generation | None:
    spz = _file(row.spz_path, row.spz_size, row.spz_sha256)
    if spz is None or row.generation_started_at is None or row.generated_at is None:
        return None
    return Generation(
        generator=row.generator or "",
        endpoint=row.endpoint,
        seed=row.seed or 0,
        started_at=row.generation_started_at,
        finished_at=row.generated_at,
        duration_s=row.generation_s or 0.0,
        splat_count=row.splat_count or 0,
        spz=spz,
        ply=_file(row.ply_path, row.ply_size, row.ply_sha256),
        reused_from=row.reused_from,
        picture=_file(row.picture_path, row.picture_size, row.picture_sha256),
        cut=_file(row.cut_path, row.cut_size, row.cut_sha256),
    )


def _verdict(row: TaskRow) -> Verdict | None:
    if row.local_score is None or row.validation_started_at is None:
        return None
    return Verdict(
        validator=row.local_validator or "",
        score=row.local_score,
        started_at=row.validation_started_at,
        duration_s=row.validation_s or 0.0,
        parts=row.local_parts or {},
        failed_checks=tuple(row.failed_checks or ()),
    )


def _submission(row: TaskRow) -> Submission | None:
    if row.submission_kind is None or row.submitted_at is None:
        return None
    return Submission(
        kind=SubmissionKind(row.submission_kind),
        started_at=row.submitted_at,
        attempt=row.submission_attempt or 0,
        duration_s=row.submission_s,
        outcome=row.submission_outcome,
        message=row.submission_message,
    )


def _feedback(row: TaskRow) -> Feedback | None:
    if row.feedback_at is None:
        return None
    return Feedback(
        validation_failed=bool(row.validation_failed),
        task_fidelity_score=row.task_fidelity_score,
        average_fidelity_score=row.average_fidelity_score,
        generations_within_the_window=row.generations_within_the_window,
        current_duel_rating=row.current_duel_rating,
        current_miner_reward=row.current_miner_reward,
        received_at=row.feedback_at,
        is_inferred=bool(row.is_inferred),
    )


def columns_of(
    *,
    generation: Generation | None,
    verdict: Verdict | None,
    submission: Submission | None,
    feedback: Feedback | None,
) -> Mapping[str, Any]:
    """The columns that store what is given; a part that is None is left as it is."""
    columns: dict[str, Any] = {}
    if generation is not None:
        columns |= {
            "generator": generation.generator,
            "endpoint": generation.endpoint,
            "seed": generation.seed,
            "generation_started_at": generation.started_at,
            "generated_at": generation.finished_at,
            "generation_s": generation.duration_s,
            "splat_count": generation.splat_count,
            "reused_from": generation.reused_from,
        }
        files = {
            "spz": generation.spz,
            "ply": generation.ply,
            "picture": generation.picture,
            "cut": generation.cut,
        }
        for name, file in files.items():
            columns |= {
                f"{name}_path": file.path if file else None,
                f"{name}_size": file.size if file else None,
                f"{name}_sha256": file.sha256 if file else None,
            }
    if verdict is not None:
        columns |= {
            "local_validator": verdict.validator,
            "local_score": verdict.score,
            "validation_started_at": verdict.started_at,
            "validation_s": verdict.duration_s,
            "local_parts": dict(verdict.parts),
            "failed_checks": list(verdict.failed_checks),
        }
    if submission is not None:
        columns |= {
            "submission_kind": str(submission.kind),
            "submitted_at": submission.started_at,
            "submission_attempt": submission.attempt,
            "submission_s": submission.duration_s,
            "submission_outcome": submission.outcome,
            "submission_message": submission.message,
        }
    if feedback is not None:
        columns |= {
            "feedback_at": feedback.received_at,
            "validation_failed": feedback.validation_failed,
            "task_fidelity_score": feedback.task_fidelity_score,
            "average_fidelity_score": feedback.average_fidelity_score,
            "generations_within_the_window": feedback.generations_within_the_window,
            "current_duel_rating": feedback.current_duel_rating,
            "current_miner_reward": feedback.current_miner_reward,
            "is_inferred": feedback.is_inferred,
        }
    return columns


def validator_of(row: ValidatorRow | Row[Any]) -> Validator:
    """The row as a value."""
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
    """Both rows as one value; a validator that was never listed has uid -1."""
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
