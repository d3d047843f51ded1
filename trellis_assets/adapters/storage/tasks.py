"""The task table: reading tasks, and moving them from state to state."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage import validations
from trellis_assets.adapters.storage.answers import count_answer
from trellis_assets.adapters.storage.decisions import add_decision
from trellis_assets.adapters.storage.mapping import columns_of, task_of
from trellis_assets.adapters.storage.models import TaskRow
from trellis_assets.adapters.storage.noted_events import note_transition, note_value
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.domain.candidates import StoredDecision
from trellis_assets.domain.event_counts import Event
from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation
from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.submissions import Submission
from trellis_assets.domain.tasks import FINAL_STATES, Task, TaskState, check_transition, is_final
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import ClaimLostError, StoreError

STARTED_COLUMN = {
    TaskState.GENERATING: "generation_started_at",
    TaskState.VALIDATING: "validation_started_at",
    TaskState.VALIDATED: "validated_at",
}


class SqlTasks(Repository):
    """`TaskRepository` over SQLAlchemy."""

    def get(self, key: int) -> Task:
        """Return the task.

        Raises:
            StoreError: there is no such task.
        """
        with self._reading() as session:
            row = session.get(TaskRow, key)
            if row is None:
                raise StoreError(f"there is no task {key} in the store")
            return task_of(row)

    def in_states(
        self, states: Iterable[TaskState], *, limit: int | None = None, newest_first: bool = False
    ) -> list[Task]:
        """Return tasks in these states, oldest first. A partial index finds unfinished ones."""
        wanted = frozenset(states)
        order = TaskRow.key.desc() if newest_first else TaskRow.key
        query = select(TaskRow).where(TaskRow.state.in_([str(s) for s in wanted])).order_by(order)
        if not wanted & FINAL_STATES:
            query = query.where(TaskRow.finished_at.is_(None))
        with self._reading() as session:
            return [task_of(row) for row in session.scalars(query.limit(limit))]

    def active(self, miner_hotkey: str | None) -> list[ActiveTask]:
        """Return few columns of unfinished tasks, oldest first, through the partial index."""
        columns = (TaskRow.key, TaskRow.miner_hotkey, TaskRow.validator_hotkey, TaskRow.state)
        query = select(*columns).where(TaskRow.finished_at.is_(None))
        if miner_hotkey is not None:
            query = query.where(TaskRow.miner_hotkey == miner_hotkey)
        with self._reading() as session:
            return [
                ActiveTask(key, miner, validator, TaskState(state))
                for key, miner, validator, state in session.execute(query.order_by(TaskRow.key))
            ]

    def move(
        self,
        key: int,
        state: TaskState,
        *,
        now: datetime,
        reason: str | None = None,
        generation: Generation | None = None,
        verdict: Verdict | None = None,
        submission: Submission | None = None,
        feedback: Feedback | None = None,
        decision: StoredDecision | None = None,
        run_id: str | None = None,
    ) -> Task:
        """Move the task to the state, and store what is given."""
        with self._writing() as session:
            row = moved_row(session, key, state, now=now, reason=reason, run_id=run_id)
            given = columns_of(
                generation=generation, verdict=verdict, submission=submission, feedback=feedback
            )
            for name, value in given.items():
                setattr(row, name, value)
            if verdict is not None:
                validations.add_to_history(session, row, verdict, is_idle=False)
                note_value(session, row, Event.VALIDATION_S, row.validation_s)
            if generation is not None and row.reused_from is None:
                note_value(session, row, Event.GENERATION_S, row.generation_s)
            if decision is not None:
                add_decision(session, decision)
            session.flush()
            return task_of(row)

    def settle(
        self,
        key: int,
        state: TaskState,
        *,
        now: datetime,
        reason: str | None,
        submission: Submission,
        feedback: Feedback | None,
        cooldown_until: datetime | None,
        run_id: str,
    ) -> Task:
        """Move the task to the state that its answer means, and count the answer, in one transaction."""
        with self._writing() as session:
            row = moved_row(session, key, state, now=now, reason=reason, run_id=run_id)
            given = columns_of(submission=submission, feedback=feedback)
            for name, value in given.items():
                setattr(row, name, value)
            note_value(session, row, Event.SUBMISSION_S, row.submission_s)
            if state is TaskState.ACCEPTED:
                note_value(session, row, Event.FIDELITY, row.task_fidelity_score)
            session.flush()
            task = task_of(row)
            count_answer(session, task, submission, feedback, cooldown_until)
            return task


def moved_row(
    session: Session, key: int, state: TaskState, *, now: datetime, reason: str | None, run_id: str | None
) -> TaskRow:
    """Return the locked row in its new state; see `ports.TaskRepository.move` for the errors."""
    row = session.get_one(TaskRow, key, with_for_update=True)
    if run_id is not None and row.run_id != run_id:
        raise ClaimLostError(f"task {key} is claimed by run {row.run_id}, not by {run_id}")
    before = TaskState(row.state)
    check_transition(key, before, state)
    row.state, row.reason = str(state), reason
    note_transition(session, row, before)
    if state is TaskState.GENERATING and row.generation_started_at is None:
        note_value(session, row, Event.QUEUE_S, (now - row.pulled_at).total_seconds())
    if (column := STARTED_COLUMN.get(state)) is not None:
        setattr(row, column, now)
    if is_final(state):
        row.finished_at, row.claimed_until = now, None
    elif state is TaskState.UNSETTLED:
        row.finished_at = row.claimed_until = None
    elif state is TaskState.PULLED:  # from the beginning again, by another run
        row.run_id = row.claimed_until = None
    return row
