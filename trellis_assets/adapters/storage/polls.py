"""When each validator may be polled, and how its last poll went."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select, update

from trellis_assets.adapters.storage.answers import new_poll
from trellis_assets.adapters.storage.clock_skew import is_not_ahead
from trellis_assets.adapters.storage.models import PollRow, TaskRow, ValidatorRow
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.adapters.storage.upsert import insert_ignoring_conflict
from trellis_assets.domain import submission_lock
from trellis_assets.domain.clock_offset import Offset
from trellis_assets.domain.tasks import TaskState
from trellis_assets.domain.validators import PollRecord, PollTimes

_NOT_REGISTERED = "NotRegistered"
# Made once, and of columns instead of entities: it is asked for many times a second.
_POLLS = PollRow.__table__.columns
_TIMES = select(
    *(_POLLS.hotkey, _POLLS.next_poll_at, _POLLS.cooldown_until),
    *(_POLLS.total_successful_submissions, _POLLS.total_tasks_submitted),
).where(_POLLS.miner_hotkey == bindparam("miner"))


class SqlPolls(Repository):
    """`PollRepository` over SQLAlchemy."""

    def times(self, miner_hotkey: str) -> dict[str, PollTimes]:
        """Return when each validator may be polled, by its hotkey."""
        with self._reading() as session:
            rows = session.execute(_TIMES, {"miner": miner_hotkey})
            return {hotkey: PollTimes(*values) for hotkey, *values in rows}

    def records(self, miner_hotkey: str) -> list[PollRecord]:
        """Return how the last poll of each listed validator went, the highest stake first."""
        query = (
            select(PollRow, ValidatorRow.uid)
            .join(ValidatorRow, ValidatorRow.hotkey == PollRow.hotkey)
            .where(PollRow.miner_hotkey == miner_hotkey, ValidatorRow.is_listed)
            .order_by(ValidatorRow.stake.desc(), ValidatorRow.uid)
        )
        with self._reading() as session:
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

    def failures(self, miner_hotkey: str, hotkey: str) -> int:
        """Return how many polls of the validator failed in a row."""
        with self._reading() as session:
            row = session.get(PollRow, (miner_hotkey, hotkey))
            return 0 if row is None else row.failures_in_a_row

    def clock_offset(self, miner_hotkey: str, hotkey: str) -> Offset | None:
        """Return how far the validator's clock was from the poller's at its last poll; None: not known."""
        with self._reading() as session:
            row = session.get(PollRow, (miner_hotkey, hotkey))
            if row is None or row.clock_offset_s is None or row.clock_margin_s is None:
                return None
            return Offset(row.clock_offset_s, row.clock_margin_s)

    def clock_offsets(self, miner_hotkey: str, since: datetime) -> list[Offset]:
        """Return how far listed validators' clocks were from ours, measured since then, one of each."""
        query = (
            select(PollRow.clock_offset_s, PollRow.clock_margin_s)
            .join(ValidatorRow, ValidatorRow.hotkey == PollRow.hotkey)
            .where(PollRow.miner_hotkey == miner_hotkey, ValidatorRow.is_listed, PollRow.clock_at >= since)
        )
        with self._reading() as session:
            rows = session.execute(query).all()
        return [Offset(s, margin) for s, margin in rows if s is not None and margin is not None]

    def begin(
        self,
        miner_hotkey: str,
        hotkey: str,
        *,
        next_poll_at: datetime,
        now: datetime,
        max_backoff: timedelta,
        session_id: int | None = None,
    ) -> bool:
        """Take the right to poll the validator now; return False if another process was first.

        It was first too if a task of the validator that is not answered yet is in the store: another
        process may have pulled it after this one looked, and the validator would only serve it again.
        """
        statement = (
            update(PollRow)
            .where(
                PollRow.miner_hotkey == miner_hotkey,
                PollRow.hotkey == hotkey,
                is_not_ahead(PollRow.next_poll_at, now, max_backoff),
                ~_awaits_answer(miner_hotkey, hotkey),
            )
            .values(
                next_poll_at=next_poll_at,
                asked_at=now,
                asked_in=session_id,
                total_pulls=PollRow.total_pulls + 1,
            )
        )
        with self._writing() as session:
            insert_ignoring_conflict(session, PollRow, new_poll(miner_hotkey, hotkey))
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]

    def record(
        self,
        miner_hotkey: str,
        hotkey: str,
        *,
        outcome: str,
        now: datetime,
        reason: str | None = None,
        next_poll_at: datetime | None = None,
        cooldown_until: datetime | None = None,
        violations: int | None = None,
        failures: int | None = None,
        brings_task: bool = False,
        clock: Offset | None = None,
    ) -> None:
        """Store how a poll ended. None leaves a column as it is, except the reason, which is this poll's."""
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
        polled = (PollRow.miner_hotkey == miner_hotkey, PollRow.hotkey == hotkey)
        with self._writing() as session:
            session.execute(update(PollRow).where(*polled).values(**values))

    def locked_until(self, miner_hotkey: str, hotkey: str, now: datetime) -> datetime | None:
        """Return when the validator scores a result again; None if nothing says that it does not."""
        with self._reading() as session:
            row = session.get(PollRow, (miner_hotkey, hotkey))
            return None if row is None else submission_lock.locked_until(row.scored_at, row.lock_s, now)

    def forget_not_registered(self, miner_hotkey: str) -> int:
        """Let the miner poll the validators that did not know its hotkey; return how many those are."""
        statement = (
            update(PollRow)
            .where(
                and_(PollRow.miner_hotkey == miner_hotkey, PollRow.last_outcome == _NOT_REGISTERED),
                or_(PollRow.cooldown_until.is_not(None), PollRow.next_poll_at.is_not(None)),
            )
            .values(cooldown_until=None, next_poll_at=None)
        )
        with self._writing() as session:
            return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def _awaits_answer(miner_hotkey: str, hotkey: str) -> ColumnElement[bool]:
    """Return the condition that the validator waits for the miner's answer to a task."""
    # Unfinished tasks are few and a validator's tasks are many: `coalesce` keeps their index out of it.
    return exists().where(
        TaskRow.finished_at.is_(None),
        func.coalesce(TaskRow.miner_hotkey, "") == miner_hotkey,
        func.coalesce(TaskRow.validator_hotkey, "") == hotkey,
        TaskRow.state != str(TaskState.UNSETTLED),
    )
