"""Tasks that went their whole way through a real store, as mining leaves them."""

from dataclasses import replace
from datetime import datetime, timedelta

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.submissions import Submission, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import Task, TaskKind, TaskState
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import FileStore
from trellis_assets.testing.fakes import (
    MINER,
    NOW,
    a_feedback,
    a_generation,
    a_pulled_task,
    a_validator,
    a_verdict,
)

RUN = "run-of-a-test"


class History:
    """Makes ended tasks in a store; model files too, where it has a file store."""

    def __init__(self, store: SqlStore, files: FileStore | None = None) -> None:
        self.store, self.files = store, files
        self._made = 0

    def _arrive(self, prompt: str | None, validator: Validator, at: datetime, kind: TaskKind) -> Task:
        self._made += 1
        pulled = a_pulled_task(f"t{self._made}", prompt or f"thing {self._made}", kind=kind)
        return self.store.arrivals.record(
            pulled, validator=validator, miner_hotkey=MINER, now=at, session_id=None
        ).task

    def _file(self, task: Task) -> StoredFile:
        if self.files is None:
            return StoredFile(f"models/{task.key}.spz", 10, f"{task.key:064x}")
        return self.files.write(task.key, "spz", f"model {task.key}".encode())

    def generated(
        self,
        prompt: str | None = None,
        *,
        at: datetime = NOW,
        validator: Validator | None = None,
        kind: TaskKind = TaskKind.TEXT,
    ) -> Task:
        """Return a task with its model, two seconds after it came."""
        task = self._arrive(prompt, validator or a_validator(1), at, kind)
        made = replace(
            a_generation(spz=self._file(task)), started_at=at, finished_at=at + timedelta(seconds=2)
        )
        self.store.tasks.move(task.key, TaskState.GENERATING, now=at)
        return self.store.tasks.move(task.key, TaskState.GENERATED, now=made.finished_at, generation=made)

    def answered(
        self,
        prompt: str | None = None,
        *,
        score: float | None = 0.7,
        fidelity: float = 0.65,
        outcome: SubmissionOutcome = SubmissionOutcome.ACCEPTED,
        at: datetime = NOW,
        validator: Validator | None = None,
        kind: TaskKind = TaskKind.TEXT,
    ) -> Task:
        """Return a task whose result was answered four seconds after it came; score None: not validated."""
        task = self.generated(prompt, at=at, validator=validator, kind=kind)
        verdict = a_verdict(score, started_at=at + timedelta(seconds=2)) if score is not None else None
        self.store.tasks.move(task.key, TaskState.VALIDATED, now=at, verdict=verdict)
        sent = Submission(SubmissionKind.RESULT, at + timedelta(seconds=3), 1)
        return self._settled(task.key, sent, outcome, fidelity=fidelity, at=at)

    def handed_back(self, reason: str, *, at: datetime = NOW, validator: Validator | None = None) -> Task:
        """Return a task that was returned empty."""
        task = self._arrive(None, validator or a_validator(1), at, TaskKind.TEXT)
        self.store.tasks.move(task.key, TaskState.DECLINED, now=at, reason=reason)
        sent = Submission(SubmissionKind.HAND_BACK, at, 1)
        return self._settled(task.key, sent, SubmissionOutcome.HANDED_BACK, fidelity=0, at=at, reason=reason)

    def failed(self, reason: str, *, at: datetime = NOW) -> Task:
        """Return a task without a model."""
        task = self._arrive(None, a_validator(1), at, TaskKind.TEXT)
        return self.store.tasks.move(task.key, TaskState.FAILED, now=at, reason=reason)

    def _settled(
        self,
        key: int,
        sent: Submission,
        outcome: SubmissionOutcome,
        *,
        fidelity: float,
        at: datetime,
        reason: str | None = None,
    ) -> Task:
        # As a run does it, since only who holds a task settles it.
        claimed = self.store.claims.claim(key, RUN, now=at, until=at + timedelta(minutes=1))
        assert claimed is not None
        self.store.tasks.move(key, TaskState.SUBMITTING, now=sent.started_at, submission=sent, reason=reason)
        states = {
            SubmissionOutcome.ACCEPTED: TaskState.ACCEPTED,
            SubmissionOutcome.REJECTED: TaskState.REJECTED,
            SubmissionOutcome.HANDED_BACK: TaskState.HANDED_BACK,
        }
        is_judged = outcome is not SubmissionOutcome.HANDED_BACK
        return self.store.tasks.settle(
            key,
            states[outcome],
            now=at + timedelta(seconds=4),
            reason=reason,
            submission=replace(sent, outcome=str(outcome), duration_s=1.0),
            feedback=a_feedback(fidelity, received_at=at) if is_judged else None,
            cooldown_until=at + timedelta(seconds=300),
            run_id=RUN,
        )
