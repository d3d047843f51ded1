"""Tasks as they come from validators: new, served again, or with a prompt that was seen before."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage import lost_answers
from trellis_assets.adapters.storage.answers import count_arrival
from trellis_assets.adapters.storage.mapping import clear, select_without_pictures, task_of, tasks_of
from trellis_assets.adapters.storage.models import RecentPromptRow, TaskRow
from trellis_assets.adapters.storage.noted_events import note_transition
from trellis_assets.adapters.storage.transactions import Repository
from trellis_assets.adapters.storage.upsert import insert_ignoring_conflict
from trellis_assets.domain.columns.column import Part
from trellis_assets.domain.tasks import PulledTask, Task, TaskState, check_transition, prompt_hash
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import Arrival


class SqlArrivals(Repository):
    """`ArrivalRepository` over SQLAlchemy."""

    def record(
        self,
        pulled: PulledTask,
        *,
        validator: Validator | None,
        miner_hotkey: str,
        now: datetime,
        session_id: int | None,
    ) -> Arrival:
        """Store a pulled task once: the unique key decides whether it is new."""
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
        with self._writing() as session:
            is_new = insert_ignoring_conflict(session, TaskRow, values)
            row = _stored(session, pulled.task_id, miner_hotkey, validator)
            if not is_new and not row.prompt:
                row.prompt = pulled.prompt  # retention had dropped an image prompt that is served again
            if is_new:
                note_transition(session, row, None)
            if is_new and validator is not None:
                _remember_prompt(session, row, validator, now)
                count_arrival(session, miner_hotkey, validator.hotkey, now)
            return Arrival(task_of(row), is_new)

    def reopen(self, key: int) -> Task:
        """Let a task that its validator served again wait for a run, under the next attempt."""
        with self._writing() as session:
            row = session.get_one(TaskRow, key, with_for_update=True)
            state = TaskState.PULLED
            if row.spz_path is not None:
                state = TaskState.VALIDATED if row.local_score is not None else TaskState.GENERATED
            if row.state == str(TaskState.ACCEPTED):
                lost_answers.forget_acceptance(session, row)
            else:
                check_transition(key, TaskState(row.state), state)
            before, row.state = TaskState(row.state), str(state)
            note_transition(session, row, before)
            row.attempt += 1
            row.run_id = row.claimed_until = row.requested_at = row.finished_at = None
            # Only the next feedback counts.
            clear(row, Part.FEEDBACK)
            session.flush()
            return task_of(row)

    def earlier_with_prompt(
        self,
        *,
        miner_hotkey: str,
        validator_hotkey: str,
        prompt_sha256: str,
        since: datetime,
        before_key: int,
    ) -> list[Task]:
        """Return earlier tasks with the same prompt, newest first; without their pictures."""
        query = (
            select_without_pictures()
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
        with self._reading() as session:
            return tasks_of(session, query)


def _stored(session: Session, task_id: str, miner_hotkey: str, validator: Validator | None) -> TaskRow:
    query = select(TaskRow).where(
        TaskRow.task_id == task_id,
        TaskRow.miner_hotkey == miner_hotkey,
        TaskRow.validator_hotkey == validator.hotkey if validator else TaskRow.validator_hotkey.is_(None),
    )
    return session.scalars(query.order_by(TaskRow.key.desc()).limit(1)).one()


def _remember_prompt(session: Session, row: TaskRow, validator: Validator, now: datetime) -> None:
    remembered = {
        "task_key": row.key,
        "miner_hotkey": row.miner_hotkey,
        "validator_hotkey": validator.hotkey,
        "prompt_sha256": row.prompt_sha256,
        "seen_at": now,
    }
    insert_ignoring_conflict(session, RecentPromptRow, remembered)
