"""Candidates of tasks, and the decisions that were taken about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.candidates import CandidateScore, StoredBeliefs, StoredCandidate, StoredDecision
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.learning.exploration import PastPrompt
from trellis_assets.domain.tasks import Task
from trellis_assets.domain.verdicts import Verdict


class CandidateRepository(Protocol):
    """Models that were made for tasks, submitted or not."""

    def record(self, candidate: StoredCandidate) -> StoredCandidate:
        """Store the candidate; return it, or the one that is stored under its task, number and `is_idle`."""
        ...

    def judge(self, candidate: StoredCandidate, verdict: Verdict) -> StoredCandidate:
        """Store the local verdict on the candidate; return it with the verdict."""
        ...

    def mark_unusable(self, candidate: StoredCandidate, problem: str, now: datetime) -> StoredCandidate:
        """Note why it cannot be submitted although it was stored; return it with the problem."""
        ...

    def choose(
        self,
        candidate: StoredCandidate,
        *,
        now: datetime,
        run_id: str,
        decision: StoredDecision | None = None,
    ) -> Task:
        """Make the candidate's model the task's, and move the task to `generated`, in one transaction.

        A candidate that is not stored yet is stored. The candidate's verdict becomes the task's.

        Raises:
            IllegalTransitionError: and nothing changed.
            ClaimLostError: the run does not hold the task (any more).
        """
        ...

    def of_task(self, task_key: int, *, is_idle: bool = False) -> list[StoredCandidate]:
        """Return the task's candidates by number: those made for it, or those made on its prompt later."""
        ...

    def past_prompts(self, miner_hotkey: str, start: datetime, end: datetime) -> list[PastPrompt]:
        """Return the miner's settled tasks generated in start..end (excluded) whose prompt is stored, by key.

        Each with the versions of recipes that were tried on it.
        """
        ...

    def seconds_since(self, since: datetime) -> tuple[float, float]:
        """Return seconds of endpoints that candidates took since then: for tasks, and while idle."""
        ...

    def newest(self, limit: int, *, is_idle: bool | None = None) -> list[StoredCandidate]:
        """Return the newest candidates of all tasks, oldest first.

        Args:
            limit: of candidates.
            is_idle: only those made while nothing was mined, or only the others; None: both.
        """
        ...

    def scores(self, limit: int) -> list[CandidateScore]:
        """Return what the newest candidates teach that were judged or have a problem, oldest first."""
        ...

    def expired(self, before: datetime) -> list[StoredCandidate]:
        """Return candidates with files that were made before then, and that no task has or may still take."""
        ...

    def forget_files(self, candidates: Sequence[StoredCandidate], now: datetime) -> list[StoredFile]:
        """Note that their files are deleted; return those files that no task and no other candidate names."""
        ...


class DecisionRepository(Protocol):
    """Decisions as they were taken; nothing changes them later."""

    def record(self, decision: StoredDecision) -> StoredDecision:
        """Store the decision under the task's next number; return it with the number."""
        ...

    def of_task(self, task_key: int) -> list[StoredDecision]:
        """Return the task's decisions in the order in which they were taken."""
        ...


class BeliefsRepository(Protocol):
    """What was learnt, so that a process need not learn it again."""

    def newest(self) -> StoredBeliefs | None:
        """Return what was learnt last; None before that."""
        ...

    def save(self, beliefs: StoredBeliefs) -> None:
        """Store what was learnt; of what was learnt before, the newest few stay."""
        ...

    def settled_since(self, at: datetime, limit: int) -> int:
        """Count the tasks that were settled since then, at most `limit`."""
        ...
