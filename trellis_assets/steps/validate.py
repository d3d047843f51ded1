"""Validate a generated model on our side, and decide whether it is submitted or handed back."""

import logging
from dataclasses import dataclass, replace

from trellis_assets.domain.candidates import StoredDecision
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.learning.candidate_rules import gate_of
from trellis_assets.domain.learning.search import Move
from trellis_assets.domain.submissions import HandBackReason
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
)
from trellis_assets.steps.judge_model import JudgeModelStep
from trellis_assets.steps.lease_heartbeat import lease_heartbeat


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
        if task.state is TaskState.GENERATED and task.verdict is not None:
            # It was judged to be chosen among several.
            return self._gated(task, task.verdict, None, run_id, is_decided=True)
        self.store.tasks.move(key, TaskState.VALIDATING, now=self.clock.now(), run_id=run_id)
        try:
            spz = self.files.read(_spz(task))
        except StoredFileError as error:
            # The model is gone: generate it again.
            audit("model file not usable", task=task, level=logging.ERROR, reason=str(error))
            return self.store.tasks.move(
                key, TaskState.PULLED, now=self.clock.now(), reason=str(error), run_id=run_id
            )
        judge = JudgeModelStep(self.validator, self.clock, requires_verdict=self.policy.requires_verdict)
        verdict, unavailable = judge.run(task, spz)
        return self._gated(task, verdict, unavailable, run_id, is_decided=False)

    def _gated(
        self, task: Task, verdict: Verdict | None, unavailable: str | None, run_id: str, *, is_decided: bool
    ) -> Task:
        """Move the task by its verdict, or by the decision that was taken when it was judged."""
        last = self._last_decision(task) if is_decided else None
        gate = gate_of(
            last,
            verdict,
            min_score=self.policy.min_score,
            threshold=task.validation_threshold,
            requires_verdict=self.policy.requires_verdict,
        )
        state, reason, decision, now = TaskState.VALIDATED, unavailable, None, self.clock.now()
        if gate is not None:
            state = TaskState.DECLINED if task.is_harvested else TaskState.KEPT
            reason = gate_reason(gate, verdict, task, self.policy.min_score, unavailable)
            if gate is HandBackReason.NOT_WORTH_THE_RISK and last is not None:
                reason = f"{gate}: {last.reason}"
            last = last or self._last_decision(task)
            if last is not None and last.move != Move.HAND_BACK:
                decision = replace(last, at=now, move=str(Move.HAND_BACK), reason=reason, recipe=None)
        moved = self.store.tasks.move(
            task.key,
            state,
            now=now,
            verdict=None if is_decided else verdict,
            reason=reason,
            decision=decision,
            run_id=run_id,
        )
        audit(
            "model validated" if verdict else "model not validated",
            task=moved,
            level=logging.INFO if state is TaskState.VALIDATED and verdict else logging.WARNING,
            score=round(verdict.score, 4) if verdict else None,
            reason=reason,
        )
        return moved

    def _last_decision(self, task: Task) -> StoredDecision | None:
        return next(reversed(self.store.decisions.of_task(task.key)), None)


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
