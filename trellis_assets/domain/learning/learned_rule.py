"""The learnt policy as it holds for one task: the next move, with all numbers that it follows from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from trellis_assets.domain.candidates import StoredCandidate, StoredDecision
from trellis_assets.domain.learning.beliefs import Beliefs, TaskView
from trellis_assets.domain.learning.candidate_rules import (
    LEARNED,
    MOST_PROBLEMS,
    as_candidate,
    figures_of,
    next_number,
)
from trellis_assets.domain.learning.learnt import Learnt
from trellis_assets.domain.learning.policy import generator_of
from trellis_assets.domain.learning.search import Decision, Move
from trellis_assets.domain.tasks import Task


@dataclass(frozen=True, slots=True, eq=False)
class LearnedRule:
    """Candidates by Weitzman's rule, under beliefs that were drawn for this task.

    Attributes:
        beliefs: drawn from the posterior; they hold from the first candidate to the last.
        expected: the same with the expected scores of candidates.
        validator: index of the task's validator in the beliefs.
        least_score: of a model that is submitted, by the operator.
        basis: what the beliefs rest on, for the record.
    """

    beliefs: Beliefs
    expected: Beliefs
    validator: int
    least_score: float
    basis: dict[str, Any]
    is_judged: bool = True

    def decide(
        self, task: Task, made: Sequence[StoredCandidate], now: datetime, *, stopped: str | None = None
    ) -> StoredDecision:
        """Return the next move for the task."""
        usable = [candidate for candidate in made if candidate.is_usable]
        unjudged = next((candidate for candidate in usable if candidate.verdict is None), None)
        if unjudged is not None:
            why = "no local score to decide by: the first candidate that could not be judged"
            found = Decision(Move.SUBMIT, None, None, {}, why)
            return self._decision(task, made, now, found, unjudged.number)
        problems = sum(candidate.problem is not None for candidate in made)
        if stopped is None and problems >= MOST_PROBLEMS:
            stopped = f"{problems} candidates had a problem"
        view = self._view(task, made, now)
        beliefs = self.beliefs
        if stopped is not None:
            beliefs = replace(beliefs, most=len(view.candidates))
        found = beliefs.decide(view)
        if found.move is Move.HAND_BACK and not made and stopped is None:
            # By the expected scores: a task that is handed back for a pessimistic draw teaches nothing.
            found = self.expected.decide(view)
        if stopped is not None:
            found = replace(found, why=f"{found.why}; no other one: {stopped}")
        chosen = beliefs.chosen(view)
        number = made[chosen].number if chosen is not None else None
        if found.move is Move.GENERATE:
            number = next_number(made)
        elif number is None and usable:
            number = usable[0].number  # it failed a data check: it is handed back with its score
        return self._decision(task, made, now, found, number)

    def simultaneous(self, task: Task, made: Sequence[StoredCandidate], now: datetime, *, spare: int) -> int:
        """Return how many candidates to begin at once.

        One more at the same time is worth it where the validator's seconds that it saves, if it is needed,
        are worth more than the GPU's seconds that it wastes, if it is not.
        """
        view = self._view(task, made, now)
        found = self.beliefs.decide(view)
        if found.recipe is None:
            return 1
        needed = self.beliefs.needed_after(view, found.recipe, found.reservations[found.recipe])
        gpu_cost, late_cost = self.beliefs.costs_of_another(view, found.recipe)
        most = min(1 + spare, self.beliefs.most - len(made))
        return at_once(needed, gpu_cost=gpu_cost, late_cost=late_cost, most=most)

    def _view(self, task: Task, made: Sequence[StoredCandidate], now: datetime) -> TaskView:
        candidates = []
        for stored in made:
            seen = as_candidate(stored)
            is_high = seen.score is None or seen.score >= self.least_score
            label = f"{stored.recipe}@{stored.recipe_version}"
            candidates.append(replace(seen, recipe=label, is_valid=seen.is_valid and is_high))
        elapsed_s = max(0.0, (now - task.pulled_at).total_seconds())
        return TaskView(
            self.validator, str(task.kind), task.validation_threshold, elapsed_s, tuple(candidates)
        )

    def _decision(
        self,
        task: Task,
        made: Sequence[StoredCandidate],
        now: datetime,
        found: Decision,
        number: int | None,
    ) -> StoredDecision:
        return StoredDecision(
            task_key=task.key,
            at=now,
            policy=LEARNED,
            move=str(found.move),
            reason=found.why,
            recipe=found.recipe.partition("@")[0] if found.recipe else None,
            candidate=number,
            figures=self._figures(task, made, now, found),
        )

    def _figures(
        self, task: Task, made: Sequence[StoredCandidate], now: datetime, found: Decision
    ) -> dict[str, Any]:
        view, beliefs = self._view(task, made, now), self.beliefs
        figures: dict[str, Any] = figures_of(task, made, now)
        for shown, candidate in zip(figures["candidates"], view.candidates, strict=True):
            shown["probability"] = beliefs.probability(view, candidate)
            shown["worth"] = beliefs.worth(view, candidate)
        return figures | {
            "alive": float(beliefs.acceptance.alive[self.validator]),
            "gpu_price": beliefs.market.gpu,
            "clock_price": float(beliefs.market.clock[self.validator]),
            "best_worth": found.best_worth,
            "reservations": found.reservations,
            "least_score": self.least_score,
            **self.basis,
        }


def learned_rule(
    learnt: Learnt, task: Task, *, most: int, least_score: float, learnt_at: datetime
) -> LearnedRule:
    """Return the learnt policy for a task, by beliefs that are drawn for it.

    Args:
        learnt: what is believed.
        task: of a validator.
        most: candidates for a task.
        least_score: of a model that is submitted.
        learnt_at: when it was learnt, for the record.
    """
    beliefs, hotkey = learnt.beliefs, task.validator_hotkey or ""
    if hotkey in learnt.hotkeys:
        validator = learnt.hotkeys.index(hotkey)
    else:
        stake = task.validator_stake or 0.0
        share = stake / learnt.mean_stake if learnt.mean_stake > 0 and stake > 0 else 1.0
        validator, beliefs = len(learnt.hotkeys), beliefs.with_unknown_validator(share)
    drawn = replace(beliefs.drawn(generator_of(task.key)), most=most)
    expected = replace(drawn, scores=beliefs.scores)
    basis = {
        "learnt_at": learnt_at.isoformat(timespec="seconds"),
        "answers": learnt.accepted + learnt.rejected,
        "judged_candidates": learnt.candidates,
    }
    return LearnedRule(drawn, expected, validator, least_score, basis)


def at_once(needed: float, *, gpu_cost: float, late_cost: float, most: int) -> int:
    """Return how many candidates to begin at once, from 1 to `most`.

    The next one is needed with the probability that all before it disappoint.

    Args:
        needed: probability that a candidate disappoints, so that another one would follow.
        gpu_cost: of a candidate's GPU seconds.
        late_cost: of the validator's seconds, if it followed instead.
        most: at least 1.

    Examples:
        An idle GPU costs nothing, so that all begin at once where seconds count; where they do not, one at a
        time is as good. With costs of 0.02 and 0.03 a second one that is needed with 0.5 is begun at once
        (0.015 is more than 0.01), and a third one, needed with 0.25, is not.
        >>> at_once(0.5, gpu_cost=0.0, late_cost=0.01, most=3)
        3
        >>> at_once(0.5, gpu_cost=0.0, late_cost=0.0, most=3)
        1
        >>> at_once(0.5, gpu_cost=0.02, late_cost=0.03, most=3)
        2
    """
    count = 1
    while count < most:
        p = needed**count
        if p * late_cost <= (1 - p) * gpu_cost:
            break
        count += 1
    return count
