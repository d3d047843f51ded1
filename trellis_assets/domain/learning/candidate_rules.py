"""What to do next with a task by a fixed rule, and whether its chosen candidate is submitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.candidates import StoredCandidate, StoredDecision
from trellis_assets.domain.learning.policy import Candidate, best_candidate, fixed_move
from trellis_assets.domain.learning.search import Move
from trellis_assets.domain.submissions import HandBackReason, quality_gate
from trellis_assets.domain.tasks import Task
from trellis_assets.domain.verdicts import Verdict

# Candidates that may have a problem before the task is handed back. Where one of seven collapses, three in a
# row are one task in 300; more would be a fault of the endpoint that another seed does not mend.
MOST_PROBLEMS = 3
LEARNED = "learned"


class CandidateRule(Protocol):
    """A policy as it holds for one task."""

    @property
    def is_judged(self) -> bool:
        """Whether each candidate is judged before the next one is decided on."""
        ...

    def decide(
        self, task: Task, made: Sequence[StoredCandidate], now: datetime, *, stopped: str | None = None
    ) -> StoredDecision:
        """Return the next move for the task.

        Args:
            task: with its validator's threshold.
            made: its candidates so far.
            now: aware UTC.
            stopped: why no more can be made; None while they can.
        """
        ...

    def simultaneous(self, task: Task, made: Sequence[StoredCandidate], now: datetime, *, spare: int) -> int:
        """Return how many candidates to begin at once, at least 1, when one is to be made.

        Args:
            task: with its validator's threshold.
            made: its candidates so far.
            now: aware UTC.
            spare: endpoints that are free beside the one that is used anyway, and that no task waits for.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedRule:
    """So many candidates for each task, of one recipe; the best one is submitted.

    Attributes:
        policy: as decisions name it: `single`, `best-of-3`.
        count: candidates without a problem.
        recipe: that makes them.
        least_score: of a model that is submitted; the validator's threshold holds too.
        is_judged: whether each candidate is judged before the next one is decided on.
        fallback: why this rule is in force instead of another one; None where it is the one that was set.
    """

    policy: str
    count: int
    recipe: str
    least_score: float = 0.0
    is_judged: bool = False
    fallback: str | None = None

    def decide(
        self, task: Task, made: Sequence[StoredCandidate], now: datetime, *, stopped: str | None = None
    ) -> StoredDecision:
        """Return the next move for the task.

        A candidate with a problem costs another one, at most `MOST_PROBLEMS` of them. Where candidates could
        not be judged there is nothing to choose by, and the first one goes on.
        """
        usable = [candidate for candidate in made if candidate.is_usable]
        problems = [candidate.problem for candidate in made if candidate.problem is not None]
        is_unjudged = self.is_judged and any(candidate.verdict is None for candidate in usable)
        may_make = stopped is None and len(problems) < MOST_PROBLEMS and not is_unjudged
        if not usable:
            if may_make:
                return self._decision(task, made, now, Move.GENERATE, f"0 of {self.count} candidates")
            return self._decision(
                task, made, now, Move.HAND_BACK, problems[-1] if problems else stopped or ""
            )
        seen = [as_candidate(candidate) for candidate in usable]
        found = fixed_move(
            seen,
            wanted=self.count if may_make else len(seen) - 1,
            threshold=max(task.validation_threshold, self.least_score),
            recipe=self.recipe,
            is_gated=self.is_judged,
        )
        best = best_candidate(seen)
        chosen = usable[best] if best is not None else usable[0]
        reason = found.why
        if found.move is Move.SUBMIT and chosen.verdict is None:
            reason = "the first candidate without a problem"
        if stopped is not None:
            reason = f"{reason}; no other one: {stopped}"
        return self._decision(task, made, now, found.move, reason, chosen)

    def simultaneous(
        self,
        task: Task,  # noqa: ARG002 - the protocol's
        made: Sequence[StoredCandidate],
        now: datetime,  # noqa: ARG002 - the protocol's
        *,
        spare: int,
    ) -> int:
        """Return how many candidates are still to be made, as far as endpoints are spare."""
        left = self.count - sum(candidate.is_usable for candidate in made)
        return max(1, min(left, 1 + spare)) if self.is_judged else 1

    def _decision(  # noqa: PLR0917 - one call for each way to decide
        self,
        task: Task,
        made: Sequence[StoredCandidate],
        now: datetime,
        move: Move,
        reason: str,
        chosen: StoredCandidate | None = None,
    ) -> StoredDecision:
        makes = move is Move.GENERATE
        return StoredDecision(
            task_key=task.key,
            at=now,
            policy=self.policy,
            fallback=self.fallback,
            move=str(move),
            reason=reason,
            recipe=self.recipe if makes else None,
            candidate=next_number(made) if makes else (chosen.number if chosen else None),
            figures=figures_of(task, made, now) | {"least_score": self.least_score},
        )


def as_candidate(candidate: StoredCandidate) -> Candidate:
    """Return the candidate as far as decisions look at it."""
    verdict = candidate.verdict
    return Candidate(
        candidate.recipe,
        verdict.score if verdict else None,
        is_valid=candidate.is_usable and (verdict is None or verdict.is_valid),
    )


def next_number(made: Sequence[StoredCandidate]) -> int:
    """Return the number of the next candidate: 0, or one more than the highest."""
    return max((candidate.number for candidate in made), default=-1) + 1


def figures_of(task: Task, made: Sequence[StoredCandidate], now: datetime) -> dict[str, object]:
    """Return what every decision looks at, for its record: elapsed seconds, threshold, candidates' scores."""
    return {
        "elapsed_s": round((now - task.pulled_at).total_seconds(), 3),
        "threshold": task.validation_threshold,
        "candidates": [
            {
                "number": candidate.number,
                "recipe": candidate.recipe,
                "score": candidate.verdict.score if candidate.verdict else None,
                "problem": candidate.problem,
            }
            for candidate in made
        ],
    }


def gate_of(
    decision: StoredDecision | None,
    verdict: Verdict | None,
    *,
    min_score: float,
    threshold: float,
    requires_verdict: bool = False,
) -> HandBackReason | None:
    """Return why a model with this verdict is handed back; None to submit it.

    The learnt policy knows what a validator accepts better than the threshold that it announces. The
    operator's own floor, and data checks, hold under every policy.

    Args:
        decision: the task's last one; None without any.
        verdict: the local one.
        min_score: the operator's floor.
        threshold: the least score that the validator says it accepts.
        requires_verdict: whether a model without a verdict goes back.
    """
    is_learned = decision is not None and decision.policy == LEARNED
    gate = quality_gate(
        verdict,
        min_score=min_score,
        validator_threshold=0.0 if is_learned else threshold,
        requires_verdict=requires_verdict,
    )
    if gate is None and decision is not None and decision.move == Move.HAND_BACK:
        return HandBackReason.NOT_WORTH_THE_RISK
    return gate
