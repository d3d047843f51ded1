"""Tasks: how they come, which run works on them, and how far they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.candidates import StoredDecision
from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation
from trellis_assets.domain.leases import HeldLeases, Lease
from trellis_assets.domain.scheduling.prefetch import ActiveTask
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


class ArrivalRepository(Protocol):
    """Tasks as they come from validators: new, served again, or with a prompt that was seen before."""

    def record(
        self,
        pulled: PulledTask,
        *,
        validator: Validator | None,
        miner_hotkey: str,
        now: datetime,
        session_id: int | None,
    ) -> Arrival:
        """Store a pulled task. A known (miner, validator, task id) is returned unchanged."""
        ...

    def reopen(self, key: int) -> Task:
        """Let a task that its validator served again wait for a run: its model is kept, one attempt more."""
        ...

    def earlier_with_prompt(
        self,
        *,
        miner_hotkey: str,
        validator_hotkey: str,
        prompt_sha256: str,
        since: datetime,
        before_key: int,
    ) -> list[Task]:
        """Return earlier tasks of the same miner and validator with the same prompt, newest first."""
        ...


class ClaimRepository(Protocol):
    """Which run works on a task: claims with a lease that its run extends by heartbeats."""

    def claim(self, key: int, run_id: str, *, now: datetime, until: datetime) -> Task | None:
        """Claim the task for `run_id`; return None if another live run holds it or it is final."""
        ...

    def extend(self, key: int, run_id: str, until: datetime) -> bool:
        """Extend the run's lease; return whether the run still held the task."""
        ...

    def release(self, key: int, run_id: str) -> None:
        """Free the task if the run holds it."""
        ...

    def defer_submission(self, key: int, run_id: str, until: datetime) -> None:
        """Free the task if the run holds it; its result is not sent before `until`."""
        ...

    def free_from_dead_run(self, key: int, run_id: str) -> None:
        """Free the task and the endpoint that it held, if the run holds the task."""
        ...

    def held(self) -> list[tuple[int, str]]:
        """Return the unfinished tasks that a run holds, each with the run's id."""
        ...

    def unclaimed(self, miner_hotkey: str, limit: int | None = None) -> list[Task]:
        """Return the miner's tasks that no run holds, among those to work on or being submitted.

        At most `limit`: those being submitted first, then in the order they came.
        """
        ...

    def mark_requested(self, key: int, attempt: int, now: datetime) -> bool:
        """Note that a run is about to be requested under this attempt; return False if a run holds the task.

        An earlier run that is still named loses the task.
        """
        ...


class LeaseRepository(Protocol):
    """All leases of the store, for the one who watches whether they are renewed."""

    def held(self) -> HeldLeases:
        """Return every lease that is held, by all miners of the store."""
        ...

    def end_claim(self, lease: Lease) -> bool:
        """End a run's claim unless it was renewed meanwhile; return whether it was ended."""
        ...

    def end_slot(self, lease: Lease) -> bool:
        """Free an endpoint unless its lease was renewed meanwhile; return whether it was freed."""
        ...


class TaskRepository(Protocol):
    """Tasks and their states."""

    def get(self, key: int) -> Task:
        """Return the task.

        Raises:
            StoreError: there is no such task.
        """
        ...

    def in_states(
        self, states: Iterable[TaskState], *, limit: int | None = None, newest_first: bool = False
    ) -> list[Task]:
        """Return tasks in these states, in the order they came."""
        ...

    def active(self, miner_hotkey: str | None) -> list[ActiveTask]:
        """Return the miner's unfinished tasks (None: every miner's), oldest first, without large columns."""
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
        decision: StoredDecision | None = None,
        run_id: str | None = None,
    ) -> Task:
        """Move the task to `state`, and store what is given.

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
        """Move the task after an answer, and count it: counters, moving average, cooldown of the validator.

        Raises:
            IllegalTransitionError, ClaimLostError: and nothing changed.
        """
        ...
