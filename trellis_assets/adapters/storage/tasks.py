"""The task table: arrivals, claims, moves. Each function is part of one transaction."""

from collections.abc import Iterable
from datetime import datetime
from statistics import median
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, bindparam, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage import lost_answers, validations
from trellis_assets.adapters.storage.clock_skew import furthest, is_not_ahead, is_outside
from trellis_assets.adapters.storage.column_types import UtcDateTime
from trellis_assets.adapters.storage.mapping import columns_of, task_of
from trellis_assets.adapters.storage.models import RecentPromptRow, TaskRow
from trellis_assets.adapters.storage.polls import count_arrival, insert_ignoring_conflict
from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation
from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.submissions import Submission
from trellis_assets.domain.tasks import (
    FINAL_STATES,
    LEASE,
    PulledTask,
    Task,
    TaskState,
    check_transition,
    is_final,
    prompt_hash,
)
from trellis_assets.domain.validators import Validator
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import Arrival, ClaimLostError

# Enough to smooth, few enough to follow a generator that was replaced.
_PACE_OVER, _RECENT = 11, 300
_TASKS = cast("Table", TaskRow.__table__)
_NOW = bindparam("now", type_=UtcDateTime())
STARTED_COLUMN = {
    TaskState.GENERATING: "generation_started_at",
    TaskState.VALIDATING: "validation_started_at",
    TaskState.VALIDATED: "validated_at",
}


# Made once: putting a statement together takes longer than SQLite takes to carry it out.
_CLAIM = (
    update(_TASKS)
    .where(
        _TASKS.c.key == bindparam("task"),
        _TASKS.c.state.not_in(
            [str(state) for state in FINAL_STATES | {TaskState.SUBMITTING, TaskState.UNSETTLED}]
        ),
        or_(
            _TASKS.c.run_id.is_(None),
            _TASKS.c.run_id == bindparam("run"),
            is_outside(_TASKS.c.claimed_until, _NOW, bindparam("last")),
        ),
    )
    .values(
        run_id=bindparam("run"),
        claimed_until=bindparam("until"),
        ready_at=case((_TASKS.c.state == str(TaskState.PULLED), _NOW), else_=_TASKS.c.ready_at),
    )
)


def record_arrival(
    session: Session,
    pulled: PulledTask,
    *,
    validator: Validator | None,
    miner_hotkey: str,
    now: datetime,
    session_id: int | None,
) -> Arrival:
    """The task has a row; the unique key decides whether it is a new one."""
    values = {
        "task_id": pulled.task_id,
        "miner_hotkey": miner_hotkey,
        "validator_uid": validator.uid if validator else None,
        "validator_hotkey": validator.hotkey if validator else None,
        "validator_stake": validator.stake if validator else None,
        "kind": str(pulled.kind),
        "prompt": pulled.prompt,
        "prompt_sha256": prompt_hash(pulled.prompt),
        "validation_threshold": pulled.validation_threshold,
        "throttle_s": pulled.throttle_s,
        "session_id": session_id,
        "state": str(TaskState.PULLED),
        "attempt": 0,
        "pulled_at": now,
    }
    is_new = insert_ignoring_conflict(session, TaskRow, values)
    row = session.scalars(
        select(TaskRow)
        .where(
            TaskRow.task_id == pulled.task_id,
            TaskRow.miner_hotkey == miner_hotkey,
            TaskRow.validator_hotkey == values["validator_hotkey"]
            if validator
            else TaskRow.validator_hotkey.is_(None),
        )
        .order_by(TaskRow.key.desc())
        .limit(1)
    ).one()
    if not is_new and not row.prompt:
        row.prompt = pulled.prompt  # a picture that was dropped with the years, asked for once more
    if is_new and validator is not None:
        remembered = {
            "task_key": row.key,
            "miner_hotkey": miner_hotkey,
            "validator_hotkey": validator.hotkey,
            "prompt_sha256": row.prompt_sha256,
            "seen_at": now,
        }
        insert_ignoring_conflict(session, RecentPromptRow, remembered)
        count_arrival(session, miner_hotkey, validator.hotkey, now)
    return Arrival(task_of(row), is_new)


def claim(session: Session, key: int, run_id: str, *, now: datetime, until: datetime) -> Task | None:
    """The task, held by the run; None if it is final or another's lease is alive."""
    given = {"task": key, "run": run_id, "now": now, "until": until, "last": furthest(now, LEASE)}
    if not session.execute(_CLAIM, given).rowcount:  # type: ignore[attr-defined]
        return None
    return task_of(session.get_one(TaskRow, key, populate_existing=True))


def extend_claim(session: Session, key: int, run_id: str, until: datetime) -> bool:
    """Whether the run still held the task."""
    held = session.execute(
        update(TaskRow)
        .where(TaskRow.key == key, TaskRow.run_id == run_id, TaskRow.claimed_until.is_not(None))
        .values(claimed_until=until)
    )
    return bool(held.rowcount)  # type: ignore[attr-defined]


def claims(session: Session) -> list[tuple[int, str]]:
    """Return key and run id of every unfinished task that a run holds."""
    query = select(TaskRow.key, TaskRow.run_id).where(
        TaskRow.finished_at.is_(None), TaskRow.claimed_until.is_not(None), TaskRow.run_id.is_not(None)
    )
    return [(key, run_id) for key, run_id in session.execute(query) if run_id is not None]


def release_claim(session: Session, key: int, run_id: str) -> bool:
    """Free the task if the run holds it; return whether it did."""
    freed = session.execute(
        update(TaskRow)
        .where(TaskRow.key == key, TaskRow.run_id == run_id)
        .values(run_id=None, claimed_until=None)
    )
    return bool(freed.rowcount)  # type: ignore[attr-defined]


def move(
    session: Session,
    key: int,
    state: TaskState,
    *,
    now: datetime,
    reason: str | None,
    generation: Generation | None = None,
    verdict: Verdict | None = None,
    submission: Submission | None = None,
    feedback: Feedback | None = None,
    run_id: str | None = None,
) -> Task:
    """The task is in the state with what is given; see `ports.TaskStore.move`."""
    row = session.get_one(TaskRow, key, with_for_update=True)
    if run_id is not None and row.run_id != run_id:
        raise ClaimLostError(f"task {key} is in the hands of run {row.run_id}, not {run_id}")
    check_transition(key, TaskState(row.state), state)
    row.state, row.reason = str(state), reason
    if (column := STARTED_COLUMN.get(state)) is not None:
        setattr(row, column, now)
    given = columns_of(generation=generation, verdict=verdict, submission=submission, feedback=feedback)
    for name, value in given.items():
        setattr(row, name, value)
    if verdict is not None:
        validations.record(session, row, verdict, is_idle=False)
    if is_final(state):
        row.finished_at, row.claimed_until = now, None
    elif state is TaskState.UNSETTLED:
        row.finished_at = row.claimed_until = None
    elif state is TaskState.PULLED:  # from the beginning again, by another run
        row.run_id = row.claimed_until = None
    session.flush()
    return task_of(row)


def reopen(session: Session, key: int) -> Task:
    """The task waits for a run again, with what was made for it, under the next attempt."""
    row = session.get_one(TaskRow, key, with_for_update=True)
    state = TaskState.PULLED
    if row.spz_path is not None:
        state = TaskState.VALIDATED if row.local_score is not None else TaskState.GENERATED
    if row.state == str(TaskState.ACCEPTED):
        lost_answers.forget_acceptance(session, row)
    else:
        check_transition(key, TaskState(row.state), state)
    row.state = str(state)
    row.attempt += 1
    row.run_id = row.claimed_until = row.requested_at = row.finished_at = None
    # What it says next is what counts.
    row.feedback_at = row.validation_failed = row.is_inferred = None
    row.task_fidelity_score = row.average_fidelity_score = row.generations_within_the_window = None
    row.current_duel_rating = row.current_miner_reward = None
    session.flush()
    return task_of(row)


def tasks_in(
    session: Session, states: Iterable[TaskState], limit: int | None, *, newest_first: bool
) -> list[Task]:
    """In the order they came. Unfinished states are found by a partial index."""
    wanted = frozenset(states)
    order = TaskRow.key.desc() if newest_first else TaskRow.key
    query = select(TaskRow).where(TaskRow.state.in_([str(s) for s in wanted])).order_by(order)
    if not wanted & FINAL_STATES:
        query = query.where(TaskRow.finished_at.is_(None))
    return [task_of(row) for row in session.scalars(query.limit(limit))]


def active_tasks(session: Session, miner_hotkey: str | None) -> list[ActiveTask]:
    """Few columns of the miner's unfinished tasks, or of every miner's, through the partial index."""
    columns = (TaskRow.key, TaskRow.miner_hotkey, TaskRow.validator_hotkey, TaskRow.state)
    query = select(*columns).where(TaskRow.finished_at.is_(None))
    if miner_hotkey is not None:
        query = query.where(TaskRow.miner_hotkey == miner_hotkey)
    return [
        ActiveTask(key, miner, validator, TaskState(state))
        for key, miner, validator, state in session.execute(query.order_by(TaskRow.key))
    ]


def unclaimed(session: Session, miner_hotkey: str, now: datetime, limit: int | None) -> list[Task]:
    """The miner's unfinished tasks whose lease, if they had one, has ended.

    Lost submissions first, which need only a word, then in the order they came.
    """
    query = (
        select(TaskRow)
        .where(
            TaskRow.finished_at.is_(None),
            TaskRow.miner_hotkey == miner_hotkey,
            TaskRow.state != str(TaskState.UNSETTLED),
            is_not_ahead(TaskRow.claimed_until, now, LEASE),
        )
        .order_by(TaskRow.key)
    )
    lost = query.where(TaskRow.state == str(TaskState.SUBMITTING))
    others = query.where(TaskRow.state != str(TaskState.SUBMITTING)).limit(limit)
    return [task_of(row) for part in (lost, others) for row in session.scalars(part)]


def _is_recent() -> ColumnElement[bool]:
    """So few that looking through them costs nothing, also where none of them tells anything."""
    return TaskRow.key > select(func.max(TaskRow.key) - _RECENT).scalar_subquery()


def generation_pace(session: Session) -> float | None:
    """The median over the newest generations; results that were reused took none."""
    query = (
        select(TaskRow.generation_s)
        .where(_is_recent(), TaskRow.generation_s.is_not(None), TaskRow.reused_from.is_(None))
        .order_by(TaskRow.key.desc())
        .limit(_PACE_OVER)
    )
    took = [seconds for seconds in session.scalars(query) if seconds is not None]
    return median(took) if took else None


def start_pace(session: Session) -> float | None:
    """In which nine of ten of the newest tasks had a run that was ready, from their pull.

    Further attempts are left out: they say when a run died, not how fast runs start.
    """
    query = (
        select(TaskRow.pulled_at, TaskRow.ready_at)
        .where(_is_recent(), TaskRow.ready_at.is_not(None), TaskRow.attempt == 0)
        .order_by(TaskRow.key.desc())
        .limit(_PACE_OVER)
    )
    rows = session.execute(query).all()
    took = sorted((ready - pulled).total_seconds() for pulled, ready in rows if ready is not None)
    return took[len(took) * 9 // 10] if took else None


def earlier_with_prompt(
    session: Session,
    *,
    miner_hotkey: str,
    validator_hotkey: str,
    prompt_sha256: str,
    since: datetime,
    before_key: int,
) -> list[Task]:
    """Newest first, through the table of recent prompts."""
    query = (
        select(TaskRow)
        .join(RecentPromptRow, RecentPromptRow.task_key == TaskRow.key)
        .where(
            RecentPromptRow.miner_hotkey == miner_hotkey,
            RecentPromptRow.validator_hotkey == validator_hotkey,
            RecentPromptRow.prompt_sha256 == prompt_sha256,
            RecentPromptRow.seen_at >= since,
            RecentPromptRow.task_key < before_key,
        )
        .order_by(TaskRow.key.desc())
    )
    return [task_of(row) for row in session.scalars(query)]


def forget_prompts(session: Session, before: datetime) -> int:
    """How many rows of the duplicate window were dropped."""
    gone: Any = session.execute(delete(RecentPromptRow).where(RecentPromptRow.seen_at < before))
    return int(gone.rowcount)
