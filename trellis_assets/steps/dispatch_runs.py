"""Dispatch: find the active tasks that need a run, and number the attempt."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from trellis_assets.domain.scheduling.run_attempts import GiveUp, Request, RunStatus, Wait, next_attempt
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import ClaimRepository, Clock, TaskRepository


@dataclass(frozen=True, slots=True)
class DispatchRunsStep:
    """Find tasks without a live run, and fail those whose runs died too often.

    Attributes:
        miner_hotkey: whose tasks; other miners of the same store start runs for theirs.
        run_status: returns what became of a task's current run key.
    """

    claims: ClaimRepository
    tasks: TaskRepository
    clock: Clock
    miner_hotkey: str
    run_status: Callable[[Task], RunStatus]

    def run(self, *, window: int | None = None, starts: int | None = None) -> list[Task]:
        """Return the tasks that need a run now, oldest first, without pictures; run keys carry the attempt.

        Args:
            window: read at most so many tasks without a live run, so that thousands that wait at a start
                delay nothing.
            starts: return at most so many; the next call returns more.

        The attempt is stored before the run is requested; another request under the same key is
        harmless, since Dagster starts a run key once.
        """
        wanted: list[Task] = []
        now = self.clock.now()
        for task in self.claims.unclaimed(self.miner_hotkey, window):
            if starts is not None and len(wanted) >= starts:
                break
            if task.state is TaskState.SUBMITTING:
                self._settle_lost_submission(task)
                continue
            match next_attempt(task, self.run_status(task), now):
                case Request(attempt=attempt):
                    is_noted = attempt == task.attempt and task.requested_at and task.run_id is None
                    if not is_noted and not self.claims.mark_requested(task.key, attempt, now):
                        continue  # a run that was late has just claimed it
                    if attempt:
                        audit("task taken up again", task=task, level=logging.WARNING, attempt=attempt)
                    wanted.append(replace(task, attempt=attempt))
                case GiveUp():
                    reason = f"gave up: {task.attempt + 1} runs died"
                    failed = self.tasks.move(task.key, TaskState.FAILED, now=now, reason=reason)
                    audit("task failed", task=failed, level=logging.ERROR, reason=reason)
                case Wait():
                    pass
        return wanted

    def _settle_lost_submission(self, task: Task) -> None:
        """Note that the answer is lost: the worker died between sending and storing."""
        reason = "the worker died while the validator was answering"
        moved = self.tasks.move(task.key, TaskState.ANSWER_UNKNOWN, now=self.clock.now(), reason=reason)
        audit("submission's answer is lost", task=moved, level=logging.WARNING)
