"""Dispatch: every unfinished task that no run works on is named, with its attempt number."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from trellis_assets.domain.scheduling.run_attempts import GiveUp, Request, RunStatus, Wait, next_attempt
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class DispatchRunsStep:
    """The step with what it works on.

    Attributes:
        miner_hotkey: whose tasks; other miners of the same store start runs for theirs.
        run_status: tells what became of a task's current run key.
    """

    store: Store
    clock: Clock
    miner_hotkey: str
    run_status: Callable[[Task], RunStatus]

    def run(self, *, window: int | None = None, starts: int | None = None) -> list[Task]:
        """Tasks that need a run now, oldest first; run keys carry the attempt, pictures are left out.

        Args:
            window: look at so many tasks without a live run, runs that wait for a worker included, so that
                thousands that wait at a start hold up nothing.
            starts: name so many at most; the next call names more.

        The attempt is stored before the run is requested; asking again under the same key is
        harmless, since a run key starts once.
        """
        wanted: list[Task] = []
        now = self.clock.now()
        for task in self.store.claims.unclaimed(self.miner_hotkey, now, window):
            if starts is not None and len(wanted) >= starts:
                break
            if task.state is TaskState.SUBMITTING:
                self._settle_lost_submission(task)
                continue
            match next_attempt(task, self.run_status(task), now):
                case Request(attempt=attempt):
                    if attempt != task.attempt or task.requested_at is None:
                        self.store.claims.mark_requested(task.key, attempt, now)
                    if attempt:
                        audit("task taken up again", task=task, level=logging.WARNING, attempt=attempt)
                    wanted.append(replace(task, attempt=attempt))
                case GiveUp():
                    reason = f"gave up: {task.attempt + 1} runs died"
                    failed = self.store.tasks.move(task.key, TaskState.FAILED, now=now, reason=reason)
                    audit("task failed", task=failed, level=logging.ERROR, reason=reason)
                case Wait():
                    pass
        return wanted

    def _settle_lost_submission(self, task: Task) -> None:
        """A submission whose worker died has an answer that nobody heard."""
        reason = "the worker died while the validator was answering"
        moved = self.store.tasks.move(task.key, TaskState.ANSWER_UNKNOWN, now=self.clock.now(), reason=reason)
        audit("submission's answer is lost", task=moved, level=logging.WARNING)
