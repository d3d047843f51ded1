"""The tables of validators and of what a miner knows of each."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage import lost_answers
from trellis_assets.adapters.storage.clock_skew import is_not_ahead
from trellis_assets.adapters.storage.mapping import validator_of
from trellis_assets.adapters.storage.models import PollRow, TaskRow, ValidatorRow
from trellis_assets.domain import submission_lock
from trellis_assets.domain.clock_offset import Offset
from trellis_assets.domain.feedback import Feedback, moving_average
from trellis_assets.domain.statistics import kept_standings
from trellis_assets.domain.submission_lock import lock_after_refusal, lock_after_scoring
from trellis_assets.domain.submissions import Submission, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import Task
from trellis_assets.domain.validators import PollRecord, PollTimes, Validator


def insert_ignoring_conflict(session: Session, table: Any, values: dict[str, Any]) -> bool:
    """The row is there; True if it was not before."""
    statement = insert(session, table).values(**values).on_conflict_do_nothing()
    # Not by `rowcount`: where the key is made by a sequence, psycopg says -1.
    written = session.execute(statement.returning(*table.__table__.primary_key.columns))
    return written.first() is not None


def insert(session: Session, table: Any) -> Any:
    """INSERT in the database's own dialect, which knows conflicts."""
    dialect = postgresql if is_postgresql(session) else sqlite
    return dialect.insert(table)


def is_postgresql(session: Session) -> bool:
    """Whether rows are locked one by one, not the whole database."""
    return session.get_bind().dialect.name == "postgresql"


def save_validators(session: Session, validators: Iterable[Validator], now: datetime) -> None:
    """The table lists exactly these as in the metagraph; others are kept, unlisted."""
    if is_postgresql(session):
        # Two metagraphs at a time would list the union of both; readers are not held up.
        session.execute(text("LOCK TABLE validators IN SHARE ROW EXCLUSIVE MODE"))
    session.execute(update(ValidatorRow).values(is_listed=False))
    # By hotkey: a metagraph that lists one twice must not stop the miner.
    rows = {
        validator.hotkey: {
            "hotkey": validator.hotkey,
            "uid": validator.uid,
            "ip": validator.ip,
            "port": validator.port,
            "stake": validator.stake,
            "trust": validator.trust,
            "consensus": validator.consensus,
            "validator_permit": validator.validator_permit,
            "is_listed": True,
            "saved_at": now,
        }
        for validator in validators
    }
    if not rows:
        return
    statement = insert(session, ValidatorRow)
    newer = {name: getattr(statement.excluded, name) for name in next(iter(rows.values()))}
    session.execute(
        statement.on_conflict_do_update(index_elements=[ValidatorRow.hotkey], set_=newer), list(rows.values())
    )


def listed_validators(session: Session) -> tuple[list[Validator], datetime | None]:
    """The last metagraph and its time."""
    # Columns, not entities: a subnet has 256, which are asked for with every poll and submission.
    rows = session.execute(select(*ValidatorRow.__table__.columns).where(ValidatorRow.is_listed)).all()
    return [validator_of(row) for row in rows], max((row.saved_at for row in rows), default=None)


# Made once, and of columns instead of entities: it is asked for many times a second.
_POLLS = PollRow.__table__.columns
_TIMES = select(
    *(_POLLS.hotkey, _POLLS.next_poll_at, _POLLS.cooldown_until),
    *(_POLLS.total_successful_submissions, _POLLS.total_tasks_submitted),
).where(_POLLS.miner_hotkey == bindparam("miner"))


def poll_times(session: Session, miner_hotkey: str) -> dict[str, PollTimes]:
    """By validator's hotkey."""
    rows = session.execute(_TIMES, {"miner": miner_hotkey})
    return {hotkey: PollTimes(*values) for hotkey, *values in rows}


def poll_records(session: Session, miner_hotkey: str) -> list[PollRecord]:
    """How the last poll of each validator went, the highest stake first."""
    query = (
        select(PollRow, ValidatorRow.uid)
        .join(ValidatorRow, ValidatorRow.hotkey == PollRow.hotkey)
        .where(PollRow.miner_hotkey == miner_hotkey, ValidatorRow.is_listed)
        .order_by(ValidatorRow.stake.desc(), ValidatorRow.uid)
    )
    return [
        PollRecord(
            hotkey=row.hotkey,
            uid=uid,
            times=PollTimes(row.next_poll_at, row.cooldown_until),
            outcome=row.last_outcome,
            reason=row.last_reason,
            answered_at=row.answered_at,
        )
        for row, uid in session.execute(query)
    ]


def clock_offsets(session: Session, miner_hotkey: str, since: datetime) -> list[Offset]:
    """How far listed validators' clocks were from ours, as measured since, one of each."""
    query = (
        select(PollRow.clock_offset_s, PollRow.clock_margin_s)
        .join(ValidatorRow, ValidatorRow.hotkey == PollRow.hotkey)
        .where(PollRow.miner_hotkey == miner_hotkey, ValidatorRow.is_listed, PollRow.clock_at >= since)
    )
    rows = session.execute(query).all()
    return [Offset(s, margin) for s, margin in rows if s is not None and margin is not None]


def poll_failures(session: Session, miner_hotkey: str, hotkey: str) -> int:
    """Return how many polls of the validator failed in a row."""
    row = session.get(PollRow, (miner_hotkey, hotkey))
    return 0 if row is None else row.failures_in_a_row


def begin_poll(
    session: Session,
    miner_hotkey: str,
    hotkey: str,
    *,
    next_poll_at: datetime,
    now: datetime,
    max_backoff: timedelta,
    session_id: int | None,
) -> bool:
    """Whether this call took the right to ask the validator now."""
    insert_ignoring_conflict(session, PollRow, _new_poll(miner_hotkey, hotkey))
    taken = session.execute(
        update(PollRow)
        .where(
            PollRow.miner_hotkey == miner_hotkey,
            PollRow.hotkey == hotkey,
            is_not_ahead(PollRow.next_poll_at, now, max_backoff),
        )
        .values(
            next_poll_at=next_poll_at,
            asked_at=now,
            asked_in=session_id,
            total_pulls=PollRow.total_pulls + 1,
        )
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def _new_poll(miner_hotkey: str, hotkey: str) -> dict[str, Any]:
    totals = ("pulls", "tasks_received", "tasks_submitted", "successful_submissions", "handed_back")
    zeros = ("cooldown_violations", "failures_in_a_row", *(f"total_{name}" for name in totals))
    return {"miner_hotkey": miner_hotkey, "hotkey": hotkey} | dict.fromkeys(zeros, 0)


def record_poll(
    session: Session,
    miner_hotkey: str,
    hotkey: str,
    *,
    outcome: str,
    reason: str | None,
    now: datetime,
    next_poll_at: datetime | None,
    cooldown_until: datetime | None,
    violations: int | None,
    failures: int | None,
    brings_task: bool,
    clock: Offset | None,
) -> None:
    """What is given is stored; None leaves a column as it is, but for the reason, which is this poll's."""
    values: dict[str, Any] = {"last_outcome": outcome, "last_reason": reason, "answered_at": now}
    if not brings_task:
        values["asked_at"] = None
    if clock is not None:
        values |= {"clock_offset_s": clock.seconds, "clock_margin_s": clock.margin, "clock_at": now}
    if next_poll_at is not None:
        values["next_poll_at"] = next_poll_at
    if cooldown_until is not None:
        values["cooldown_until"] = cooldown_until
    if violations is not None:
        values["cooldown_violations"] = violations
    if failures is not None:
        values["failures_in_a_row"] = failures
    session.execute(
        update(PollRow).where(PollRow.miner_hotkey == miner_hotkey, PollRow.hotkey == hotkey).values(**values)
    )


def count_arrival(session: Session, miner_hotkey: str, hotkey: str, now: datetime) -> None:
    """One more task received: it is counted from now on where the question for it was."""
    insert_ignoring_conflict(session, PollRow, _new_poll(miner_hotkey, hotkey))
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
    insert_ignoring_conflict(session, PollRow, _new_poll(task.miner_hotkey, task.validator_hotkey))
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


_SCORED = frozenset(
    {SubmissionOutcome.ACCEPTED, SubmissionOutcome.REJECTED, SubmissionOutcome.SCORING_UNAVAILABLE}
)


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


def locked_until(session: Session, miner_hotkey: str, hotkey: str, now: datetime) -> datetime | None:
    """When the validator scores a result again; None if nothing says that it does not."""
    row = session.get(PollRow, (miner_hotkey, hotkey))
    return None if row is None else submission_lock.locked_until(row.scored_at, row.lock_s, now)


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
