"""Accept tasks whose answer was lost where a later feedback proves it; part of that answer's transaction."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.mapping import clear
from trellis_assets.adapters.storage.models import PollRow, TaskRow
from trellis_assets.adapters.storage.noted_events import note_transition, note_value
from trellis_assets.domain.columns.column import Part
from trellis_assets.domain.event_counts import Event
from trellis_assets.domain.feedback import Feedback, moving_average
from trellis_assets.domain.lost_answers import (
    TIMING_SLACK,
    WINDOW,
    Resolution,
    Standing,
    accepted_among_lost,
)
from trellis_assets.domain.submissions import SubmissionKind
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.observability.audit_log import audit

# Older scores weigh less than a ten-millionth in the moving average.
_SCORES_THAT_COUNT = 300
REASON = "accepted, as the validator's next feedback shows: the answer was lost"


def resolve(session: Session, poll: PollRow, task: Task, feedback: Feedback) -> None:
    """Accept the tasks that the feedback on `task` proves to be accepted, marked as inferred, and count them.

    Args:
        session: of the transaction that stores the feedback.
        poll: what is known of the validator, with its last feedback before this one.
        task: that the feedback answers.
        feedback: as received.
    """
    before = _last_standing(poll)
    if before is None or feedback.generations_within_the_window is None:
        return
    if feedback.average_fidelity_score is None:
        return
    after = Standing(
        feedback.average_fidelity_score, feedback.generations_within_the_window, feedback.received_at
    )
    lost = _lost_since(session, poll, before, task)
    if not lost:
        return
    found = accepted_among_lost(
        before,
        after,
        own_score=feedback.task_fidelity_score if feedback.is_accepted else None,
        lost=[row.key for row in lost],
        accepted_at=_accepted_before(session, poll, before),
        least_score=min(row.validation_threshold for row in lost),
    )
    rows = {row.key: row for row in lost}
    for resolution in found:
        _accept(session, poll, rows[resolution.key], resolution, after)


def _last_standing(poll: PollRow) -> Standing | None:
    if poll.feedback_at is None or poll.validator_average is None or poll.validator_window is None:
        return None
    return Standing(poll.validator_average, poll.validator_window, poll.feedback_at)


def _lost_since(session: Session, poll: PollRow, before: Standing, task: Task) -> list[TaskRow]:
    query = select(TaskRow).where(
        TaskRow.finished_at >= before.at,
        TaskRow.miner_hotkey == poll.miner_hotkey,
        TaskRow.validator_hotkey == poll.hotkey,
        TaskRow.state == str(TaskState.ANSWER_UNKNOWN),
        TaskRow.submission_kind == str(SubmissionKind.RESULT),
        TaskRow.submitted_at >= before.at,
        TaskRow.key != task.key,
    )
    return list(session.scalars(query.order_by(TaskRow.submitted_at)))


def _accepted_before(session: Session, poll: PollRow, before: Standing) -> list[datetime]:
    query = select(TaskRow.finished_at).where(
        TaskRow.finished_at > before.at - WINDOW - 2 * TIMING_SLACK,
        TaskRow.finished_at <= before.at + TIMING_SLACK,
        TaskRow.miner_hotkey == poll.miner_hotkey,
        TaskRow.validator_hotkey == poll.hotkey,
        TaskRow.state == str(TaskState.ACCEPTED),
    )
    return [moment for moment in session.scalars(query) if moment is not None]


def _accept(session: Session, poll: PollRow, row: TaskRow, resolution: Resolution, after: Standing) -> None:
    before, row.state, row.reason = TaskState(row.state), str(TaskState.ACCEPTED), REASON
    note_transition(session, row, before)
    note_value(session, row, Event.FIDELITY, resolution.score)
    clear(row, Part.FEEDBACK)
    row.feedback_at, row.validation_failed, row.is_inferred = after.at, False, True
    row.task_fidelity_score, row.average_fidelity_score = resolution.score, resolution.average
    if row.submission_outcome is None:
        poll.total_tasks_submitted += 1  # its worker died before it could count it
    poll.total_successful_submissions += 1
    if resolution.score is not None:
        poll.average_score = moving_average(poll.average_score, resolution.score)
    audit("lost answer was an acceptance", task_key=row.key, score=resolution.score)


def forget_acceptance(session: Session, row: TaskRow) -> None:
    """Take an accepted task out of the counters: its validator lost it, and waits for it again."""
    poll = session.get(PollRow, (row.miner_hotkey, row.validator_hotkey), with_for_update=True)
    if poll is None:
        return
    poll.total_tasks_submitted = max(0, poll.total_tasks_submitted - 1)
    poll.total_successful_submissions = max(0, poll.total_successful_submissions - 1)
    scores = session.scalars(
        select(TaskRow.task_fidelity_score)
        .where(
            TaskRow.miner_hotkey == row.miner_hotkey,
            TaskRow.validator_hotkey == row.validator_hotkey,
            TaskRow.state == str(TaskState.ACCEPTED),
            TaskRow.task_fidelity_score.is_not(None),
            TaskRow.key != row.key,
        )
        .order_by(TaskRow.key.desc())
        .limit(_SCORES_THAT_COUNT)
    ).all()
    average = None
    for score in reversed(scores):
        average = moving_average(average, score or 0.0)
    poll.average_score = average
    # What it said of our standing was said before it lost its state.
    poll.feedback_at = poll.validator_average = poll.validator_window = None
