"""Count what a validator did: tasks that arrived, and answers to submissions, with their feedback.

Each function is part of the transaction that stores the task or the answer.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage import lost_answers
from trellis_assets.adapters.storage.models import PollRow, TaskRow
from trellis_assets.adapters.storage.upsert import insert_ignoring_conflict
from trellis_assets.domain.feedback import Feedback, moving_average
from trellis_assets.domain.standings import kept_standings
from trellis_assets.domain.submission_lock import lock_after_refusal, lock_after_scoring
from trellis_assets.domain.submissions import Submission, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import Task

_SCORED = frozenset(
    {SubmissionOutcome.ACCEPTED, SubmissionOutcome.REJECTED, SubmissionOutcome.SCORING_UNAVAILABLE}
)


def new_poll(miner_hotkey: str, hotkey: str) -> dict[str, Any]:
    """Return the first row of a miner and a validator, with all counters at 0."""
    totals = ("pulls", "tasks_received", "tasks_submitted", "successful_submissions", "handed_back")
    zeros = ("cooldown_violations", "failures_in_a_row", *(f"total_{name}" for name in totals))
    return {"miner_hotkey": miner_hotkey, "hotkey": hotkey} | dict.fromkeys(zeros, 0)


def count_arrival(session: Session, miner_hotkey: str, hotkey: str, now: datetime) -> None:
    """Count one more task; the poll that brought it is over."""
    insert_ignoring_conflict(session, PollRow, new_poll(miner_hotkey, hotkey))
    session.execute(
        update(PollRow)
        .where(PollRow.miner_hotkey == miner_hotkey, PollRow.hotkey == hotkey)
        .values(total_tasks_received=PollRow.total_tasks_received + 1, last_task_received=now, asked_at=None)
    )


def count_answer(
    session: Session,
    task: Task,
    submission: Submission,
    feedback: Feedback | None,
    cooldown_until: datetime | None,
) -> None:
    """Count a submission's answer: counters, moving average, standing, lock and cooldown of its validator.

    Feedback may prove that earlier results whose answers were lost are accepted; they count first.
    """
    if task.validator_hotkey is None:
        return
    insert_ignoring_conflict(session, PollRow, new_poll(task.miner_hotkey, task.validator_hotkey))
    row = session.get_one(PollRow, (task.miner_hotkey, task.validator_hotkey), with_for_update=True)
    if feedback is not None:
        lost_answers.resolve(session, row, task, feedback)
    if submission.outcome == SubmissionOutcome.HANDED_BACK:
        row.total_handed_back += 1
    elif submission.kind is SubmissionKind.RESULT:
        row.total_tasks_submitted += 1
    if submission.outcome == SubmissionOutcome.ACCEPTED:
        row.total_successful_submissions += 1
        if feedback is not None and feedback.task_fidelity_score is not None:
            row.average_score = moving_average(row.average_score, feedback.task_fidelity_score)
    if feedback is not None:
        _note_standing(row, feedback)
    if submission.kind is SubmissionKind.RESULT:
        _note_lock(session, row, task, submission)
    if cooldown_until is not None:
        row.cooldown_until = cooldown_until


def _note_lock(session: Session, row: PollRow, task: Task, submission: Submission) -> None:
    sent_at = submission.started_at
    if submission.outcome in _SCORED:
        row.lock_s = lock_after_scoring(row.scored_at, sent_at, row.lock_s)
        row.scored_at = sent_at
    elif submission.outcome == SubmissionOutcome.STILL_ASSIGNED:
        row.lock_s = lock_after_refusal(row.scored_at, sent_at, row.lock_s)
        row.scored_at = row.scored_at or sent_at
        until = row.scored_at + timedelta(seconds=row.lock_s)
        session.execute(update(TaskRow).where(TaskRow.key == task.key).values(submit_after=until))


def _note_standing(row: PollRow, feedback: Feedback) -> None:
    row.feedback_at = feedback.received_at
    row.validator_average = feedback.average_fidelity_score
    row.validator_window = feedback.generations_within_the_window
    row.last_duel_rating = feedback.current_duel_rating
    row.last_reward = feedback.current_miner_reward
    if feedback.current_miner_reward is not None:
        row.standings = kept_standings(
            row.standings or [],
            at_s=feedback.received_at.timestamp(),
            standing=feedback.current_miner_reward,
        )
