"""Submit a task's result to its validator, and store what the validator answers."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.domain.clock_offset import by_another_clock, measure_offset
from trellis_assets.domain.heartbeats import Stage
from trellis_assets.domain.learning.candidate_rules import gate_of
from trellis_assets.domain.submissions import Submission, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.task_policies import SubmissionPolicy
from trellis_assets.domain.tasks import LEASE, Task, TaskState
from trellis_assets.domain.validators import Validator
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    Clock,
    FileStore,
    Store,
    StoredFileError,
    SubmissionAnswer,
    ValidatorNetwork,
    WrongHotkeyError,
)
from trellis_assets.steps.lease_heartbeat import lease_heartbeat
from trellis_assets.steps.store_retry import retry_store
from trellis_assets.steps.validate import gate_reason
from trellis_assets.system.stages import enter_stage

# Tries while the validator provably receives nothing; together half a minute.
MAX_SENDS = 5
SEND_BACKOFF = BackoffPolicy.of_seconds(2, 4, 8, 16, jitter=0.0)
# A lock that ends within this time is waited for in the run.
SHORT_LOCK = timedelta(seconds=3)

STATE_OF_OUTCOME = {
    SubmissionOutcome.ACCEPTED: TaskState.ACCEPTED,
    SubmissionOutcome.HANDED_BACK: TaskState.HANDED_BACK,
    SubmissionOutcome.REJECTED: TaskState.REJECTED,
    SubmissionOutcome.SCORING_UNAVAILABLE: TaskState.FAILED,
    SubmissionOutcome.STILL_ASSIGNED: TaskState.UNSETTLED,
    SubmissionOutcome.NOT_ASSIGNED: TaskState.FAILED,
    SubmissionOutcome.REFUSED: TaskState.FAILED,
    SubmissionOutcome.NOT_SENT: TaskState.FAILED,
    SubmissionOutcome.ANSWER_LOST: TaskState.ANSWER_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class SubmitStep:
    """Sign and send a task's model, or the empty result that hands the task back.

    A submission whose answer is lost is not sent again: the validator may have accepted it.

    Attributes:
        network: makes the network, which reads the key; called only to submit.
    """

    store: Store
    files: FileStore
    network: Callable[[], ValidatorNetwork]
    clock: Clock
    policy: SubmissionPolicy

    def run(self, key: int, run_id: str) -> Task | None:
        """Return the task in the state that the validator's answer means; None if another run holds it.

        The state is `submitting` before the call leaves, so that a run that finds the task later knows that
        the answer is lost, and not that nothing was sent.

        Raises:
            ClaimLostError: another run took over meanwhile.
        """
        now = self.clock.now()
        task = self.store.claims.claim(key, run_id, now=now, until=now + LEASE)
        if task is None or task.state not in {TaskState.VALIDATED, TaskState.DECLINED}:
            self.store.claims.release(key, run_id)  # the run ends here: another may take the task at once
            return task
        if not (self.policy.is_enabled and task.is_harvested):
            reason = task.reason or "submission is switched off"
            return self.store.tasks.move(key, TaskState.KEPT, now=now, reason=reason, run_id=run_id)
        with lease_heartbeat(self.clock, lambda until: self.store.claims.extend(key, run_id, until)):
            return self._submit(self._gated(task, run_id), run_id, self.network())

    def _gated(self, task: Task, run_id: str) -> Task:
        """Apply the quality gate once more: the settings may have changed since the validation."""
        min_score, threshold = self.policy.min_score, task.validation_threshold
        gate = gate_of(None, task.verdict, min_score=min_score, threshold=threshold)
        if gate is None or task.state is TaskState.DECLINED:
            return task
        last = next(reversed(self.store.decisions.of_task(task.key)), None)
        gate = gate_of(last, task.verdict, min_score=min_score, threshold=threshold)
        if gate is None:
            return task
        reason = gate_reason(gate, task.verdict, task, self.policy.min_score)
        return self.store.tasks.move(
            task.key, TaskState.DECLINED, now=self.clock.now(), reason=reason, run_id=run_id
        )

    def _submit(self, task: Task, run_id: str, network: ValidatorNetwork) -> Task:
        if network.miner_hotkey != task.miner_hotkey:
            self.store.claims.release(task.key, run_id)
            raise WrongHotkeyError(
                f"task {task.key} was pulled by {task.miner_hotkey}, and this process signs for "
                f"{network.miner_hotkey}: give each miner queues and a Dagster database of its own"
            )
        waiting = task.state
        kind = SubmissionKind.HAND_BACK if waiting is TaskState.DECLINED else SubmissionKind.RESULT
        try:
            spz = b"" if kind is SubmissionKind.HAND_BACK else self._model(task)
        except StoredFileError as error:
            audit("model file not usable", task=task, level=logging.ERROR, reason=str(error))
            return self.store.tasks.move(
                task.key, TaskState.PULLED, now=self.clock.now(), reason=str(error), run_id=run_id
            )
        # The stored metagraph: a chain takes seconds to read, and may be unreachable.
        listed, _ = self.store.validators.listed()
        validator = next((v for v in listed if v.hotkey == task.validator_hotkey), None)
        if validator is None or not validator.is_serving:
            reason = "the validator is no longer in the metagraph"
            if validator is not None:
                reason = "the validator publishes no address that may be called"
            return self.store.tasks.move(
                task.key, TaskState.FAILED, now=self.clock.now(), reason=reason, run_id=run_id
            )
        if kind is SubmissionKind.RESULT and self._is_locked(task, validator, run_id):
            return self.store.tasks.get(task.key)
        for sends in range(1, MAX_SENDS + 1):
            task, answer = self._send(task, kind, validator, spz=spz, run_id=run_id, network=network)
            if answer.outcome is not SubmissionOutcome.NOT_SENT or sends == MAX_SENDS:
                break
            task = self.store.tasks.move(
                task.key, waiting, now=self.clock.now(), reason=task.reason, run_id=run_id
            )
            enter_stage(Stage.WAITING)
            self.clock.sleep(SEND_BACKOFF.delay(sends).total_seconds())
        return self._record(task, kind, answer, run_id)

    def _is_locked(self, task: Task, validator: Validator, run_id: str) -> bool:
        """Wait for the validator's lock if it ends soon; else give the task back and return True.

        Its run is requested again when the lock ends, so that waiting for it takes no run worker.
        """
        now = self.clock.now()
        until = self.store.polls.locked_until(task.miner_hotkey, validator.hotkey, now)
        if until is None:
            return False
        if until - now <= SHORT_LOCK:
            self.clock.sleep((until - now).total_seconds())
            return False
        self.store.claims.defer_submission(task.key, run_id, until)
        audit("submission waits for the validator's lock", task=task, until=until.isoformat())
        return True

    def _model(self, task: Task) -> bytes:
        if task.generation is None:
            raise StoredFileError(f"task {task.key} has no model")
        return self.files.read(task.generation.spz)

    def _send(
        self,
        task: Task,
        kind: SubmissionKind,
        validator: Validator,
        *,
        spz: bytes,
        run_id: str,
        network: ValidatorNetwork,
    ) -> tuple[Task, SubmissionAnswer]:
        enter_stage(Stage.SUBMITTING)
        started = self.clock.now()
        sends = (task.submission.attempt if task.submission else 0) + 1
        task = self.store.tasks.move(
            task.key,
            TaskState.SUBMITTING,
            now=started,
            reason=task.reason,
            submission=Submission(kind=kind, started_at=started, attempt=sends),
            run_id=run_id,
        )
        audit("submission sent", task=task, kind=str(kind), bytes=len(spz), attempt=sends)
        return task, asyncio.run(network.submit(validator, task=task, kind=kind, spz=spz))

    def _record(self, task: Task, kind: SubmissionKind, answer: SubmissionAnswer, run_id: str) -> Task:
        now = self.clock.now()
        sent = task.submission
        assert sent is not None
        outcome, state = answer.outcome, STATE_OF_OUTCOME[answer.outcome]
        is_hand_back = kind is SubmissionKind.HAND_BACK
        if outcome is SubmissionOutcome.NOT_ASSIGNED and task.attempt > 0 and sent.attempt > 1:
            # An earlier submission's answer never came; that the validator no longer waits for
            # the task says it arrived.
            state = TaskState.HANDED_BACK if is_hand_back else TaskState.ANSWER_UNKNOWN
        reason = _reason(outcome, answer)
        if is_hand_back:
            reason = task.reason if state is TaskState.HANDED_BACK else f"{task.reason}; {reason}"
        feedback = answer.feedback
        if is_hand_back and feedback is not None:
            feedback = replace(feedback, task_fidelity_score=None)  # nothing was scored
        submission = replace(
            sent,
            kind=kind,
            duration_s=(now - sent.started_at).total_seconds(),
            outcome=str(outcome),
            message=answer.message,
        )
        moved = retry_store(
            self.clock,
            lambda: self.store.tasks.settle(
                task.key,
                state,
                now=now,
                reason=reason,
                feedback=feedback,
                cooldown_until=self._by_the_pollers_clock(task, answer, now),
                submission=submission,
                run_id=run_id,
            ),
            task=task,
            what=f"the validator's answer ({outcome})",
        )
        audit(
            "submission answered",
            task=moved,
            level=logging.INFO if state in {TaskState.ACCEPTED, TaskState.HANDED_BACK} else logging.WARNING,
            outcome=str(outcome),
            fidelity=feedback.task_fidelity_score if feedback else None,
            average_fidelity=feedback.average_fidelity_score if feedback else None,
            reward=feedback.current_miner_reward if feedback else None,
            generations_in_window=feedback.generations_within_the_window if feedback else None,
            cooldown_until=answer.cooldown_until.isoformat() if answer.cooldown_until else None,
            reason=reason,
        )
        return moved

    def _by_the_pollers_clock(self, task: Task, answer: SubmissionAnswer, now: datetime) -> datetime | None:
        """Return the answer's cooldown by the poller's clock, which may differ from this one's."""
        exchange, until = answer.exchange, answer.cooldown_until
        if exchange is None or until is None or task.validator_hotkey is None:
            return until
        ours = measure_offset(exchange.server_time, exchange.round_trip_s, now)
        pollers = self.store.polls.clock_offset(task.miner_hotkey, task.validator_hotkey)
        return by_another_clock(until, ours, pollers)


def _reason(outcome: SubmissionOutcome, answer: SubmissionAnswer) -> str | None:
    return None if outcome is SubmissionOutcome.ACCEPTED else f"{outcome}: {answer.message}"
