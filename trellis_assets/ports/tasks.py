"""The task table: who works on a task, and how far it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation
from trellis_assets.domain.idle_validation import JudgedCounts
from trellis_assets.domain.scheduling.prefetch import ActiveTask, OtherMinerDemand
from trellis_assets.domain.submissions import Submission
from trellis_assets.domain.tasks import PulledTask, Task, TaskState
from trellis_assets.domain.validators import Validator
from trellis_assets.domain.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Arrival:
    """What recording a pulled task did.

    Attributes:
        is_new: False when the validator served a task again that we already know.
    """

    task: Task
    is_new: bool


class TaskTable(Protocol):
    """Tasks: who works on them, and how far they are."""

    def record_arrival(
        self,
        pulled: PulledTask,
        *,
        validator: Validator | None,
        miner_hotkey: str,
        now: datetime,
        session_id: int | None,
    ) -> Arrival:
        """The task is in the table. A known (miner, validator, task id) is returned unchanged."""
        ...

    def reopen(self, key: int, now: datetime) -> Task:
        """A task that its validator served again waits for a run, its model kept, one attempt on."""
        ...

    def task(self, key: int) -> Task: ...
    def tasks_in(
        self, states: Iterable[TaskState], *, limit: int | None = None, newest_first: bool = False
    ) -> list[Task]:
        """Tasks in these states, in the order they came."""
        ...

    def active_tasks(self, miner_hotkey: str | None) -> list[ActiveTask]:
        """The miner's unfinished tasks (None: every miner's), without what makes them large, oldest first."""
        ...

    def other_miner_demand(
        self, miner_hotkey: str, now: datetime, polled_since: datetime
    ) -> list[OtherMinerDemand]:
        """What other miners have coming: waiting tasks, and questions that were asked since then."""
        ...

    def unclaimed(self, miner_hotkey: str, now: datetime, limit: int | None = None) -> list[Task]:
        """The miner's tasks that no live run works on, among those to work on or being submitted.

        At most `limit`: those being submitted first, then in the order they came.
        """
        ...

    def mark_requested(self, key: int, attempt: int, now: datetime) -> None: ...
    def claim(self, key: int, run_id: str, *, now: datetime, until: datetime) -> Task | None:
        """The task, now held by `run_id`; None if another live run holds it or it is final."""
        ...

    def extend_claim(self, key: int, run_id: str, until: datetime) -> bool: ...
    def release_claim(self, key: int, run_id: str) -> None: ...
    def locked_until(self, miner_hotkey: str, hotkey: str, now: datetime) -> datetime | None:
        """When the validator scores a result of the miner again; None: now, as far as is known."""
        ...

    def defer_submission(self, key: int, run_id: str, until: datetime) -> None:
        """The task is free, if the run held it, and its result is not sent before `until`."""
        ...

    def claims(self) -> list[tuple[int, str]]:
        """Unfinished tasks that a run holds, each with the run's id."""
        ...

    def free_from_dead_run(self, key: int, run_id: str) -> None:
        """The task and the endpoint that it held are free, if the run held the task."""
        ...

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
        """The task is in `state` with what is given stored.

        Reaching a final state stamps `finished_at` and frees the claim.

        Raises:
            IllegalTransitionError: and nothing changed.
            ClaimLostError: `run_id` was given and does not hold the task (any more).
        """
        ...

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
        """As `move`, after an answer: counters, moving average and cooldown of the validator with it.

        Raises:
            IllegalTransitionError, ClaimLostError: and nothing changed.
        """
        ...

    # duplicates
    def earlier_with_prompt(
        self,
        *,
        miner_hotkey: str,
        validator_hotkey: str,
        prompt_sha256: str,
        since: datetime,
        before_key: int,
    ) -> list[Task]:
        """Earlier tasks of the same miner and validator with the same prompt, newest first."""
        ...

    # idle validation
    def unjudged(self, miner_hotkey: str, start: datetime, end: datetime) -> dict[int, datetime]:
        """The miner's finished tasks generated in start..end (excluded) whose file has no local score.

        By key, when each was generated; in the order they came.
        """
        ...

    def judged_counts(self, miner_hotkey: str, start: datetime, end: datetime) -> JudgedCounts:
        """Return how the miner's models generated in start..end (excluded) stand."""
        ...

    def record_idle_verdict(self, key: int, verdict: Verdict) -> bool:
        """Whether the verdict is new. It becomes the task's score where there was none."""
        ...
