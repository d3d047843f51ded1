"""All that is learnt, and the decisions that follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.learning.acceptance import ALIVE_AT_FIRST, AcceptanceModel
from trellis_assets.domain.learning.policy import Candidate
from trellis_assets.domain.learning.prices import Market
from trellis_assets.domain.learning.score_distribution import ScoreModel
from trellis_assets.domain.learning.search import (
    Clock,
    Decision,
    Option,
    Prices,
    candidate_cost,
    candidate_worth,
    next_move,
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as far as the policy looks at it.

    Attributes:
        validator: its index.
        kind: of prompt.
        threshold: the least score that the validator says it accepts.
        elapsed_s: since it was assigned.
        candidates: so far, in order.
    """

    validator: int
    kind: str
    threshold: float
    elapsed_s: float
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Beliefs:
    """What is believed; the numbers that decisions are explained by.

    Attributes:
        acceptance: of validators.
        scores: of recipes and kinds of prompts.
        market: prices of the GPU and of each validator's clock.
        clock: of the validators.
        cells: index in `scores` by recipe and kind of prompt.
        generation_s: by recipe, with judging.
        shares: (v,) of the stake; their ratios matter.
        most: candidates for a task.
    """

    acceptance: AcceptanceModel
    scores: ScoreModel
    market: Market
    clock: Clock
    cells: Mapping[tuple[str, str], int]
    generation_s: Mapping[str, float]
    shares: FloatArray
    most: int = 4

    def drawn(self, rng: np.random.Generator) -> "Beliefs":
        """Return beliefs drawn from the posterior, for one task from first to last (Thompson sampling)."""
        return replace(self, acceptance=self.acceptance.drawn(rng), scores=self.scores.drawn(rng))

    def decide(self, task: TaskView) -> Decision:
        """Return the next move for a task if these beliefs are true."""
        worths = [self._worth(task, candidate) for candidate in task.candidates]
        best = max((worth for worth in worths if worth is not None), default=None)
        if len(task.candidates) >= self.most:
            return next_move(best, ())
        seen = self._seen(task)
        prices = self._prices(task.validator)
        options = []
        for recipe, generation_s in self.generation_s.items():
            values, weights = self.scores.sample(self.cells[recipe, task.kind], seen)
            worth = self._worths(task, values)
            # An invalid model is worth nothing, and certain to be noticed.
            options.append(
                Option(
                    recipe,
                    np.append(worth, 0.0),
                    np.append(weights, 1 - weights.sum()),
                    candidate_cost(generation_s, task.elapsed_s, prices, self.clock),
                )
            )
        return next_move(best, options)

    def probability(self, task: TaskView, candidate: Candidate) -> float | None:
        """Return how likely the task's validator accepts the candidate; None for one that is not judged."""
        if not candidate.is_valid or candidate.score is None:
            return None
        features = np.array([candidate.score - task.threshold])
        alive = float(self.acceptance.alive[task.validator])
        return float(self.acceptance.probability(features, task.validator)) * alive

    def worth(self, task: TaskView, candidate: Candidate) -> float | None:
        """Return what submitting the candidate is worth; None for one that is not judged."""
        return self._worth(task, candidate)

    def needed_after(self, task: TaskView, recipe: str, reservation: float) -> float:
        """Return how likely another candidate would be made after one more of this recipe, 0 to 1."""
        values, weights = self.scores.sample(self.cells[recipe, task.kind], self._seen(task))
        return 1.0 - float(weights[self._worths(task, values) >= reservation].sum())

    def costs_of_another(self, task: TaskView, recipe: str) -> tuple[float, float]:
        """Return what a second candidate's GPU seconds cost, and the validator's seconds if it came later."""
        generation_s, prices = self.generation_s[recipe], self._prices(task.validator)
        after_one = task.elapsed_s + generation_s
        late_s = self.clock.late_s(after_one + generation_s) - self.clock.late_s(after_one)
        return generation_s * prices.gpu_s, late_s * prices.clock_s

    def _seen(self, task: TaskView) -> list[tuple[int, float]]:
        """Cells and scores of the task's valid candidates of known recipes."""
        return [
            (self.cells[c.recipe, task.kind], c.score)
            for c in task.candidates
            if c.is_valid and c.score is not None and (c.recipe, task.kind) in self.cells
        ]

    def with_unknown_validator(self, share: float) -> "Beliefs":
        """Return beliefs with one more validator, of which nothing is known but its share of the stake.

        It is like the others, as far as these are alike; theirs give the price of its seconds, by share.
        """
        known, market = self.acceptance, self.market
        acceptance = replace(
            known,
            deviations=np.append(known.deviations, 0.0),
            deviation_sd=np.append(known.deviation_sd, known.pool_sd),
            alive=np.append(known.alive, ALIVE_AT_FIRST),
        )
        total = float(self.shares.sum())
        price = share * float(market.clock.sum()) / total if total > 0 else 0.0
        return replace(
            self,
            acceptance=acceptance,
            market=replace(market, clock=np.append(market.clock, price)),
            shares=np.append(self.shares, share),
        )

    def chosen(self, task: TaskView) -> int | None:
        """Return the index of the valid candidate that is worth most; None without one."""
        worths = [self._worth(task, candidate) for candidate in task.candidates]
        known = [index for index, worth in enumerate(worths) if worth is not None]
        return max(known, key=lambda index: worths[index] or 0.0, default=None)

    def value_per_gpu_second(self, validator: int) -> float:
        """Return what a GPU second brings with this validator's tasks: the highest goes first."""
        load = self.market.load
        if load.gpu_s[validator] <= 0:
            return 0.0
        return float(self.shares[validator] * load.accepted[validator] / load.gpu_s[validator])

    def _prices(self, validator: int) -> Prices:
        return Prices(self.market.gpu, float(self.market.clock[validator]))

    def _worths(self, task: TaskView, scores: FloatArray) -> FloatArray:
        """(n,) what candidates of these local scores are worth."""
        p = self.acceptance.probability((scores - task.threshold)[..., None], task.validator)
        return candidate_worth(
            p * self.acceptance.alive[task.validator],
            share=float(self.shares[task.validator]),
            prices=self._prices(task.validator),
            clock=self.clock,
        )

    def _worth(self, task: TaskView, candidate: Candidate) -> float | None:
        if not candidate.is_valid or candidate.score is None:
            return None
        return float(self._worths(task, np.array([candidate.score]))[0])


def clock_of(throttle_s: Sequence[float], scoring_s: Sequence[float]) -> Clock:
    """Return the clock that pulls and settlements speak for; the subnet's where they say nothing."""
    usual = Clock()
    return Clock(
        free_s=float(np.median(throttle_s)) if len(throttle_s) else usual.free_s,
        scoring_s=float(np.median(scoring_s)) if len(scoring_s) else usual.scoring_s,
    )
