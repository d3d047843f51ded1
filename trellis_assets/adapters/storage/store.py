"""The store: each method is one transaction over the tables."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import update

from trellis_assets.adapters.storage import (
    endpoint_slots,
    endpoints,
    metagraph_reads,
    polls,
    shared_demand,
    statistics,
    tasks,
    validations,
)
from trellis_assets.adapters.storage.engine import BUSY_TIMEOUT_S, open_engine
from trellis_assets.adapters.storage.mapping import task_of
from trellis_assets.adapters.storage.models import SessionRow, SnapshotRow, TaskRow
from trellis_assets.adapters.storage.transactions import Transactions
from trellis_assets.domain.clock_offset import Offset
from trellis_assets.domain.endpoints.endpoints import Endpoint, Outcome, Probe
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.endpoints.orientation_trials import OrientationTrials
from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation
from trellis_assets.domain.idle_validation import JudgedCounts
from trellis_assets.domain.metagraph_reads import MetagraphRead
from trellis_assets.domain.scheduling.prefetch import ActiveTask, OtherMinerDemand
from trellis_assets.domain.scheduling.priority import first_in_line
from trellis_assets.domain.statistics import StatisticsSnapshot, ValidatorCounters, to_json
from trellis_assets.domain.submissions import Submission
from trellis_assets.domain.tasks import PulledTask, Task, TaskState
from trellis_assets.domain.validators import PollRecord, PollTimes, Validator
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import Arrival, StoreError


def open_store(database_url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> "SqlTaskStore":
    """The store at the URL, with the schema of this version.

    Raises:
        StoreError: it cannot be used; says what to do.
    """
    return SqlTaskStore(open_engine(database_url, busy_timeout_s=busy_timeout_s))


class SqlTaskStore(Transactions):
    """`TaskStore` over SQLAlchemy. Safe to share between threads and processes."""

    def save_validators(
        self, validators: Iterable[Validator], now: datetime, *, source: str | None = None
    ) -> None:
        """Store the metagraph, and which source it was read from."""
        with self.writing() as session:
            polls.save_validators(session, validators, now)
            if source is not None:
                metagraph_reads.record_success(session, source, now)

    def metagraph_read(self, source: str) -> MetagraphRead:
        """Return how reads from the source went."""
        with self.reading() as session:
            return metagraph_reads.metagraph_read(session, source)

    def record_metagraph_failure(
        self, source: str, *, failures: int, reason: str, next_read_at: datetime
    ) -> None:
        """Store that the source could not be read, and when it may be tried again."""
        with self.writing() as session:
            metagraph_reads.record_failure(
                session, source, failures=failures, reason=reason, next_read_at=next_read_at
            )

    def forget_not_registered(self, miner_hotkey: str) -> int:
        """Forget the cooldowns of validators that did not know the hotkey; return how many."""
        with self.writing() as session:
            return metagraph_reads.forget_not_registered(session, miner_hotkey)

    def listed_validators(self) -> tuple[list[Validator], datetime | None]:
        """The last stored metagraph and its time."""
        with self.reading() as session:
            return polls.listed_validators(session)

    def poll_times(self, miner_hotkey: str) -> dict[str, PollTimes]:
        """When each validator may be asked."""
        with self.reading() as session:
            return polls.poll_times(session, miner_hotkey)

    def poll_records(self, miner_hotkey: str) -> list[PollRecord]:
        """How the last poll of each listed validator went."""
        with self.reading() as session:
            return polls.poll_records(session, miner_hotkey)

    def poll_failures(self, miner_hotkey: str, hotkey: str) -> int:
        """Return how many polls of the validator failed in a row."""
        with self.reading() as session:
            return polls.poll_failures(session, miner_hotkey, hotkey)

    def begin_poll(
        self,
        miner_hotkey: str,
        hotkey: str,
        *,
        next_poll_at: datetime,
        now: datetime,
        max_backoff: timedelta,
        session_id: int | None = None,
    ) -> bool:
        """Whether the right to ask now was taken."""
        with self.writing() as session:
            return polls.begin_poll(
                session,
                miner_hotkey,
                hotkey,
                next_poll_at=next_poll_at,
                now=now,
                max_backoff=max_backoff,
                session_id=session_id,
            )

    def record_poll(
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
        """The poll's outcome is stored."""
        with self.writing() as session:
            polls.record_poll(
                session,
                miner_hotkey,
                hotkey,
                outcome=outcome,
                reason=reason,
                now=now,
                next_poll_at=next_poll_at,
                cooldown_until=cooldown_until,
                violations=violations,
                failures=failures,
                brings_task=brings_task,
                clock=clock,
            )

    def clock_offsets(self, miner_hotkey: str, since: datetime) -> list[Offset]:
        """How far listed validators' clocks were from ours, as measured since, one of each."""
        with self.reading() as session:
            return polls.clock_offsets(session, miner_hotkey, since)

    def record_arrival(
        self,
        pulled: PulledTask,
        *,
        validator: Validator | None,
        miner_hotkey: str,
        now: datetime,
        session_id: int | None,
    ) -> Arrival:
        """The task has a row."""
        with self.writing() as session:
            return tasks.record_arrival(
                session,
                pulled,
                validator=validator,
                miner_hotkey=miner_hotkey,
                now=now,
                session_id=session_id,
            )

    def reopen(self, key: int, now: datetime) -> Task:  # noqa: ARG002 - part of the port
        """The task waits for a run again."""
        with self.writing() as session:
            return tasks.reopen(session, key)

    def task(self, key: int) -> Task:
        """The task as it stands.

        Raises:
            StoreError: there is none.
        """
        with self.reading() as session:
            row = session.get(TaskRow, key)
            if row is None:
                raise StoreError(f"there is no task {key} in the store")
            return task_of(row)

    def tasks_in(
        self, states: Iterable[TaskState], *, limit: int | None = None, newest_first: bool = False
    ) -> list[Task]:
        """Tasks in these states, in the order they came."""
        with self.reading() as session:
            return tasks.tasks_in(session, states, limit, newest_first=newest_first)

    def active_tasks(self, miner_hotkey: str | None) -> list[ActiveTask]:
        """The miner's unfinished tasks, or every miner's, in the order they came."""
        with self.reading() as session:
            return tasks.active_tasks(session, miner_hotkey)

    def other_miner_demand(
        self, miner_hotkey: str, now: datetime, polled_since: datetime
    ) -> list[OtherMinerDemand]:
        """What other miners have coming, by their sessions."""
        with self.reading() as session:
            return shared_demand.other_miner_demand(session, miner_hotkey, now, polled_since)

    def unclaimed(self, miner_hotkey: str, now: datetime, limit: int | None = None) -> list[Task]:
        """Tasks that no live run works on, lost submissions first."""
        with self.reading() as session:
            return tasks.unclaimed(session, miner_hotkey, now, limit)

    def mark_requested(self, key: int, attempt: int, now: datetime) -> None:
        """A run is about to be requested under this attempt."""
        with self.writing() as session:
            session.execute(
                update(TaskRow).where(TaskRow.key == key).values(attempt=attempt, requested_at=now)
            )

    def claim(self, key: int, run_id: str, *, now: datetime, until: datetime) -> Task | None:
        """The task, now held by the run, or None."""
        with self.writing() as session:
            return tasks.claim(session, key, run_id, now=now, until=until)

    def extend_claim(self, key: int, run_id: str, until: datetime) -> bool:
        """Whether the run still held the task."""
        with self.writing() as session:
            return tasks.extend_claim(session, key, run_id, until)

    def release_claim(self, key: int, run_id: str) -> None:
        """The task is free, if the run held it."""
        with self.writing() as session:
            tasks.release_claim(session, key, run_id)

    def locked_until(self, miner_hotkey: str, hotkey: str, now: datetime) -> datetime | None:
        """When the validator scores a result of the miner again; None: now, as far as is known."""
        with self.reading() as session:
            return polls.locked_until(session, miner_hotkey, hotkey, now)

    def defer_submission(self, key: int, run_id: str, until: datetime) -> None:
        """The task is free, if the run held it, and its result is not sent before `until`."""
        with self.writing() as session:
            if tasks.release_claim(session, key, run_id):
                session.execute(update(TaskRow).where(TaskRow.key == key).values(submit_after=until))

    def claims(self) -> list[tuple[int, str]]:
        """Unfinished tasks that a run holds, each with the run's id."""
        with self.reading() as session:
            return tasks.claims(session)

    def free_from_dead_run(self, key: int, run_id: str) -> None:
        """The task and the endpoint that it held are free, if the run held the task."""
        with self.writing() as session:
            if tasks.release_claim(session, key, run_id):
                endpoint_slots.release_slots_of(session, key)

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
        run_id: str | None = None,
    ) -> Task:
        """The task is in the state, with what is given."""
        with self.writing() as session:
            return tasks.move(
                session,
                key,
                state,
                now=now,
                reason=reason,
                generation=generation,
                verdict=verdict,
                submission=submission,
                feedback=feedback,
                run_id=run_id,
            )

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
        """The task is in the state, and its validator's counters count it."""
        with self.writing() as session:
            task = tasks.move(
                session,
                key,
                state,
                now=now,
                reason=reason,
                submission=submission,
                feedback=feedback,
                run_id=run_id,
            )
            polls.count_answer(session, task, submission, feedback, cooldown_until)
            return task

    def earlier_with_prompt(
        self,
        *,
        miner_hotkey: str,
        validator_hotkey: str,
        prompt_sha256: str,
        since: datetime,
        before_key: int,
    ) -> list[Task]:
        """Earlier tasks with the same prompt, newest first."""
        with self.reading() as session:
            return tasks.earlier_with_prompt(
                session,
                miner_hotkey=miner_hotkey,
                validator_hotkey=validator_hotkey,
                prompt_sha256=prompt_sha256,
                since=since,
                before_key=before_key,
            )

    def unjudged(self, miner_hotkey: str, start: datetime, end: datetime) -> dict[int, datetime]:
        """The miner's finished tasks generated in start..end whose file has no local score, oldest first."""
        with self.reading() as session:
            return validations.unjudged(session, miner_hotkey, start, end)

    def judged_counts(self, miner_hotkey: str, start: datetime, end: datetime) -> JudgedCounts:
        """Return how the miner's models generated in start..end (excluded) stand."""
        with self.reading() as session:
            return validations.judged_counts(session, miner_hotkey, start, end)

    def record_idle_verdict(self, key: int, verdict: Verdict) -> bool:
        """Whether the verdict is new; it is the task's score where there was none."""
        with self.writing() as session:
            return validations.record_idle(session, key, verdict)

    def acquire_slot(
        self, endpoints: Sequence[str], task_key: int, *, now: datetime, until: datetime
    ) -> str | None:
        """An endpoint that was free, or None."""
        with self.writing() as session:
            return endpoint_slots.acquire_slot(session, endpoints, task_key, now=now, until=until)

    def endpoints(self, names: Sequence[str], now: datetime) -> list[Endpoint]:
        """The named endpoints in their order."""
        with self.reading() as session:
            return endpoints.endpoints(session, names, now)

    def record_orientation(self, endpoint: str, scores: Mapping[Orientation, float]) -> OrientationTrials:
        """Add the scores of one model, judged each way up, to what is known; return all of it."""
        with self.writing() as session:
            return endpoints.record_orientation(session, endpoint, scores)

    def record_probes(self, probes: Sequence[Probe], now: datetime) -> None:
        """Breakers know what was found at the doors."""
        with self.writing() as session:
            endpoints.record_probes(session, probes, now)

    def is_next_in_line(self, task_key: int, now: datetime) -> bool:
        """Whether no other waiting task goes before this one."""
        with self.reading() as session:
            waiting = endpoint_slots.waiting_tasks(session, now)
            pace = tasks.generation_pace(session) or 0.0
        return not waiting or first_in_line(waiting, pace, now).key == task_key

    def generation_pace(self) -> float | None:
        """The median over the newest generations, seconds."""
        with self.reading() as session:
            return tasks.generation_pace(session)

    def start_pace(self) -> float | None:
        """In which nine of ten of the newest tasks had a run that was ready, seconds from their pull."""
        with self.reading() as session:
            return tasks.start_pace(session)

    def extend_slot(self, endpoint: str, task_key: int, until: datetime) -> bool:
        """Whether the task still held the endpoint."""
        with self.writing() as session:
            return endpoint_slots.extend_slot(session, endpoint, task_key, until)

    def release_slot(self, endpoint: str, task_key: int, *, now: datetime, outcome: Outcome | None) -> None:
        """The endpoint is free, and what the generation says of it is known."""
        with self.writing() as session:
            endpoint_slots.release_slot(session, endpoint, task_key)
            if outcome is not None:
                endpoints.record_outcome(session, endpoint, outcome, now)

    def validator_counters(self) -> list[ValidatorCounters]:
        """Per miner and validator."""
        with self.reading() as session:
            return statistics.validator_counters(session)

    def count_by_state(self, session_id: int | None = None) -> dict[TaskState, int]:
        """States that occur, with how often."""
        with self.reading() as session:
            return statistics.count_by_state(session, session_id)

    def start_session(self, now: datetime, flags: Mapping[str, object]) -> int:
        """The number of a new session."""
        with self.writing() as session:
            row = SessionRow(started_at=now, flags=dict(flags))
            session.add(row)
            session.flush()
            return row.id

    def beginning(self) -> datetime | None:
        """When the first session started."""
        with self.reading() as session:
            return statistics.beginning(session, None)

    def drain_session(self, session_id: int, now: datetime) -> None:
        """The session takes no new task from now on."""
        with self.writing() as session:
            session.execute(update(SessionRow).where(SessionRow.id == session_id).values(draining_at=now))

    def is_draining(self, session_id: int) -> bool:
        """Whether the session takes no new task."""
        with self.reading() as session:
            row = session.get(SessionRow, session_id)
            return row is not None and (row.draining_at or row.ended_at) is not None

    def end_session(self, session_id: int, now: datetime) -> None:
        """The session is over."""
        with self.writing() as session:
            session.execute(update(SessionRow).where(SessionRow.id == session_id).values(ended_at=now))

    def statistics(self, session_id: int | None, now: datetime) -> StatisticsSnapshot:
        """Totals of the session, or of everything."""
        with self.reading() as session:
            return statistics.snapshot(session, session_id, now)

    def save_snapshot(self, snapshot: StatisticsSnapshot) -> None:
        """The snapshot is kept."""
        with self.writing() as session:
            session.add(
                SnapshotRow(
                    taken_at=snapshot.taken_at, session_id=snapshot.session_id, figures=to_json(snapshot)
                )
            )
