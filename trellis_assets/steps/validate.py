"""Validate a generated model on our side, and decide whether it is submitted or handed back."""

import logging
from dataclasses import dataclass

from trellis_assets.domain.backoff import BackoffPolicy, retry
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.submissions import HandBackReason, quality_gate
from trellis_assets.domain.task_policies import ValidationPolicy
from trellis_assets.domain.tasks import LEASE, Task, TaskState
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    Clock,
    FileStore,
    LocalValidator,
    Store,
    StoredFileError,
    TooCostlyToJudgeError,
    ValidationUnavailableError,
)
from trellis_assets.steps.lease_heartbeat import lease_heartbeat

TRIES, BACKOFF = 2, BackoffPolicy.of_seconds(1, jitter=0.0)
# Where no model is submitted without a verdict, a validator that restarts is waited for: two minutes in all.
REQUIRED_TRIES, REQUIRED_BACKOFF = 6, BackoffPolicy.of_seconds(1, 5, 15, 30, 60, jitter=0.0)


@dataclass(frozen=True, slots=True)
class ValidateStep:
    """Score a task's model with the local validator, and apply the quality gate."""

    store: Store
    files: FileStore
    validator: LocalValidator
    clock: Clock
    policy: ValidationPolicy

    def run(self, key: int, run_id: str) -> Task | None:
        """Return the task validated or declined; None if another run holds it.

        If the local validator cannot judge, the model goes on without a verdict: a result that is probably
        good is worth more than none. Where a verdict is required, the validator is tried again for two
        minutes, and then the task is handed back.

        Raises:
            ClaimLostError: another run took over meanwhile.
        """
        now = self.clock.now()
        task = self.store.claims.claim(key, run_id, now=now, until=now + LEASE)
        if task is None or task.state not in {TaskState.GENERATED, TaskState.VALIDATING}:
            return task
        if not self.policy.is_enabled:
            return self.store.tasks.move(key, TaskState.VALIDATED, now=now, run_id=run_id)
        with lease_heartbeat(self.clock, lambda until: self.store.claims.extend(key, run_id, until)):
            return self._validate(task, run_id)

    def _validate(self, task: Task, run_id: str) -> Task:
        key = task.key
        self.store.tasks.move(key, TaskState.VALIDATING, now=self.clock.now(), run_id=run_id)
        try:
            spz = self.files.read(_spz(task))
        except StoredFileError as error:
            # The model is gone: generate it again.
            audit("model file not usable", task=task, level=logging.ERROR, reason=str(error))
            return self.store.tasks.move(
                key, TaskState.PULLED, now=self.clock.now(), reason=str(error), run_id=run_id
            )
        verdict, unavailable = self._verdict(task, spz)
        gate = quality_gate(
            verdict,
            min_score=self.policy.min_score,
            validator_threshold=task.validation_threshold,
            requires_verdict=self.policy.requires_verdict,
        )
        state, reason = TaskState.VALIDATED, unavailable
        if gate is not None:
            state = TaskState.DECLINED if task.is_harvested else TaskState.KEPT
            reason = gate_reason(gate, verdict, task, self.policy.min_score, unavailable)
        moved = self.store.tasks.move(
            key, state, now=self.clock.now(), verdict=verdict, reason=reason, run_id=run_id
        )
        audit(
            "model validated" if verdict else "model not validated",
            task=moved,
            level=logging.INFO if state is TaskState.VALIDATED and verdict else logging.WARNING,
            score=round(verdict.score, 4) if verdict else None,
            reason=reason,
        )
        return moved

    def _verdict(self, task: Task, spz: bytes) -> tuple[Verdict | None, str | None]:
        """Return the local verdict, or why there is none."""
        is_required = self.policy.requires_verdict

        def validate() -> Verdict | TooCostlyToJudgeError:
            try:
                return self.validator.validate(spz, prompt=task.prompt, kind=task.kind)
            except TooCostlyToJudgeError as error:
                return error  # another try would cost as much

        try:
            verdict = retry(
                validate,
                on=ValidationUnavailableError,
                policy=REQUIRED_BACKOFF if is_required else BACKOFF,
                tries=REQUIRED_TRIES if is_required else TRIES,
                sleep=self.clock.sleep,
            )
        except ValidationUnavailableError as error:
            return None, f"local validation unavailable: {error}"
        if isinstance(verdict, TooCostlyToJudgeError):
            return None, f"local validation unavailable: {verdict}"
        return verdict, None


def _spz(task: Task) -> StoredFile:
    if task.generation is None:
        raise StoredFileError(f"task {task.key} has no model")
    return task.generation.spz


def gate_reason(
    gate: HandBackReason,
    verdict: Verdict | None,
    task: Task,
    min_score: float,
    unavailable: str | None = None,
) -> str:
    """Return the gate's decision with its figures, for the store and for people."""
    if verdict is None:
        return f"{gate}: {unavailable}" if unavailable else str(gate)
    if gate is HandBackReason.INVALID_MODEL:
        return f"{gate}: {'; '.join(verdict.failed_checks)}"
    floor = task.validation_threshold if gate is HandBackReason.BELOW_VALIDATOR_THRESHOLD else min_score
    return f"{gate}: {verdict.score:.4f} < {floor:.4f}"
