"""The policies side by side: fixed rules, the learner, and an oracle that knows the hidden truths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from earning.simulation import PULL_S, SCORING_S, TaskUnderWay
from earning.world import Regime, Truth, World
from trellis_assets.adapters.local_subnet.rules import Submit
from trellis_assets.domain.learning.acceptance import Answers
from trellis_assets.domain.learning.beliefs import Beliefs, TaskView
from trellis_assets.domain.learning.evidence import Evidence, learn
from trellis_assets.domain.learning.policy import (
    best_candidate,
    fixed_move,
    generator_of,
    is_control,
    policy_in_force,
)
from trellis_assets.domain.learning.prices import Fluid, Market
from trellis_assets.domain.learning.score_distribution import ScoreModel, Scores
from trellis_assets.domain.learning.search import (
    Clock,
    Move,
    Option,
    Prices,
    candidate_cost,
    candidate_worth,
    next_move,
)
from trellis_assets.domain.learning.wanted_policy import PolicyName

FloatArray = NDArray[np.float64]
CONTROL_SHARE = 0.05
KEPT = 1500  # newest rows that beliefs are made of
# Beliefs are made anew after so many settled tasks, at first and later.
LEARN_EVERY, LEARN_LATER, EARLY_TASKS = 25, 50, 500
MOST = 5


class Fixed:
    """A fixed number of candidates, the best one submitted, with or without today's gate."""

    def __init__(self, regime: Regime, wanted: int, *, is_gated: bool) -> None:
        self._wanted, self._is_gated = wanted, is_gated
        self._threshold, self._recipe = regime.announced, next(iter(regime.recipes))

    def first(self, ready: Sequence[int]) -> int:
        """Return the validator that waits longest."""
        return ready[0]

    def move(self, task: TaskUnderWay, now_s: float) -> tuple[Move, str | int | None]:  # noqa: ARG002
        """Return the move of today's rule, or of N candidates."""
        move = fixed_move(
            task.candidates,
            wanted=self._wanted,
            threshold=self._threshold,
            recipe=self._recipe,
            is_gated=self._is_gated,
        )
        return move.move, move.recipe if move.move is Move.GENERATE else best_candidate(task.candidates)

    def settled(self, task: TaskUnderWay, submitted: int | None, outcome: Submit, now_s: float) -> None:
        """Learn nothing."""


@dataclass(frozen=True, slots=True)
class _Answer:
    validator: int
    margin: float
    accepted: bool
    time_s: float


class Learner:
    """The product's own decisions, with what it has seen so far."""

    def __init__(self, world: World, control_share: float = CONTROL_SHARE) -> None:
        self._regime, self._control_share = world.regime, control_share
        self._fallback = Fixed(world.regime, 1, is_gated=True)
        self._answers: list[_Answer] = []
        self._scores: list[tuple[int, int, float, bool]] = []  # cell, task, score, valid
        self._cells = [(recipe, "text") for recipe in world.regime.recipes]
        self._since = self._accepted = self._tasks = 0
        self.beliefs: Beliefs | None = None
        self._drawn: dict[int, Beliefs] = {}

    def first(self, ready: Sequence[int]) -> int:
        """Return the validator that brings most per GPU second; of equals, the one that waits longest."""
        if self.beliefs is None:
            return ready[0]
        values = [self.beliefs.value_per_gpu_second(v) for v in ready]
        best = max(values)
        return next(v for v, value in zip(ready, values, strict=True) if value >= 0.9 * best)

    def move(self, task: TaskUnderWay, now_s: float) -> tuple[Move, str | int | None]:
        """Return the move by the beliefs; by today's rule as control, and while too little is known."""
        accepted = self._accepted
        in_force = policy_in_force(
            PolicyName.LEARNED, judges=True, accepted=accepted, rejected=len(self._answers) - accepted
        )
        if in_force.policy is PolicyName.SINGLE or is_control(task.key, self._control_share):
            return self._fallback.move(task, now_s)
        if self.beliefs is None:
            self.learn_anew(now_s)
        assert self.beliefs is not None
        view = TaskView(
            task.validator,
            "text",
            self._regime.announced,
            now_s - task.assigned_at,
            tuple(task.candidates),
        )
        if task.key not in self._drawn:
            self._drawn[task.key] = self.beliefs.drawn(generator_of(task.key))
        drawn = self._drawn[task.key]
        decision = drawn.decide(view)
        if decision.move is Move.GENERATE:
            return decision.move, decision.recipe
        del self._drawn[task.key]
        return decision.move, drawn.chosen(view)

    def settled(self, task: TaskUnderWay, submitted: int | None, outcome: Submit, now_s: float) -> None:
        """Remember the candidates and the answer; learn anew every few tasks."""
        for candidate in task.candidates:
            cell = self._cells.index((candidate.recipe, "text"))
            self._scores.append((cell, task.key, candidate.score or 0.0, candidate.is_valid))
        if submitted is not None:
            margin = (task.candidates[submitted].score or 0.0) - self._regime.announced
            self._answers.append(_Answer(task.validator, margin, outcome is Submit.ACCEPTED, now_s))
        self._since += 1
        self._accepted += submitted is not None and outcome is Submit.ACCEPTED
        self._tasks += 1
        every = LEARN_EVERY if self._tasks < EARLY_TASKS else LEARN_LATER
        if self.beliefs is not None and self._since >= every:
            self.learn_anew(now_s)

    def learn_anew(self, now_s: float) -> None:
        """Make beliefs of what was seen so far."""
        self._since = 0
        self.beliefs = learn(self._evidence(now_s), self.beliefs, MOST)

    def _evidence(self, now_s: float) -> Evidence:
        regime, answers, scores = self._regime, self._answers[-KEPT:], self._scores[-KEPT:]
        cells, tasks, values, valid = zip(*scores, strict=True)
        _, prompts = np.unique(np.array(tasks), return_inverse=True)
        return Evidence(
            answers=Answers(
                validators=np.array([a.validator for a in answers]),
                features=np.array([[a.margin] for a in answers]),
                accepted=np.array([a.accepted for a in answers]),
                times_s=np.array([a.time_s for a in answers]),
                count=regime.validators,
            ),
            scores=Scores(np.array(cells), prompts, np.array(values), np.array(valid), len(self._cells)),
            cells=self._cells,
            generation_s={name: truth.generation_s for name, truth in regime.recipes.items()},
            shares=np.ones(regime.validators),
            thresholds=np.full(regime.validators, regime.announced),
            clock=Clock(scoring_s=SCORING_S + PULL_S),
            gpus=regime.endpoints,
            now_s=now_s,
        )


class Oracle:
    """The same arithmetic with the hidden truths in place of beliefs; it sees no more than local scores."""

    def __init__(self, world: World) -> None:
        self._world, self._regime = world, world.regime
        r = self._regime
        self._clock = Clock(scoring_s=SCORING_S + PULL_S)
        names = list(r.recipes)
        self._cells = {name: index for index, name in enumerate(names)}
        count = len(names)
        # Variances of a valid candidate's local score, where it says something.
        noise = r.local_noise**2 if r.informs else 0.0
        self._scores = ScoreModel(
            means=np.array([r.prompt_mean + (t.better if r.informs else 0.0) for t in r.recipes.values()]),
            mean_sd=np.zeros(count),
            invalid=np.full(count, r.collapsed if r.informs else 0.0),
            within_sd=float(np.sqrt(r.candidate_sd**2 + noise)),
            between_sd=r.prompt_sd,
            counts=np.zeros(count, dtype=np.int64),
        )
        self._market: Market | None = None
        self._solved_at = -np.inf

    def _accepts(
        self, scores: FloatArray, now_s: float, validators: FloatArray, better: float = 0.0
    ) -> FloatArray:
        """Return P(accepted) of valid candidates by their local scores and the hidden thresholds."""
        r = self._regime
        thresholds = np.array([self._world.threshold(int(v), now_s) for v in validators])
        thresholds = thresholds.reshape((-1,) + (1,) * (scores.ndim - 1))
        if not r.informs:
            sd = float(np.sqrt(r.prompt_sd**2 + r.candidate_sd**2 + r.validator_noise**2))
            p = (1 - r.collapsed) * ndtr((r.prompt_mean + better - thresholds) / sd)
            return np.broadcast_to(p, np.broadcast_shapes(p.shape, scores.shape))
        own = r.prompt_sd**2 + r.candidate_sd**2
        known = own / (own + r.local_noise**2)
        mean = r.prompt_mean + better + known * (scores - r.prompt_mean - better)
        sd = float(np.sqrt(known * r.local_noise**2 + r.validator_noise**2))
        return np.asarray(ndtr((mean - thresholds) / sd))

    def _prices(self, now_s: float) -> Market:
        r = self._regime
        is_changed = self._solved_at < r.raised_at_s <= now_s and r.raised > 0
        if self._market is None or is_changed:
            everyone = np.arange(r.validators, dtype=np.float64)
            best, most_income = None, -np.inf
            for name, truth in r.recipes.items():
                market = self._solved(now_s, name, truth, everyone)
                income = float(market.clock.sum()) + market.gpu * r.endpoints
                if income > most_income:
                    best, most_income = market, income
            self._market, self._solved_at = best, now_s
        assert self._market is not None
        return self._market

    def _solved(self, now_s: float, name: str, truth: Truth, everyone: FloatArray) -> Market:
        r = self._regime
        fluid = Fluid(
            lambda scores: self._accepts(scores, now_s, everyone, truth.better),
            self._scores,
            self._cells[name],
            truth.generation_s,
            np.ones(r.validators),
            self._clock,
            MOST,
            np.ones(r.validators),
            r.endpoints,
        )
        market = fluid.solve()
        for _ in range(4):
            market = fluid.solve(market)
        return market

    def first(self, ready: Sequence[int]) -> int:
        """Return the validator that brings most per GPU second; of equals, the one that waits longest."""
        market = self._market
        if market is None:
            return ready[0]
        values = market.load.accepted / np.maximum(market.load.gpu_s, 1e-9)
        best = max(values[v] for v in ready)
        return next(v for v in ready if values[v] >= 0.9 * best)

    def move(self, task: TaskUnderWay, now_s: float) -> tuple[Move, str | int | None]:
        """Return the move of the optimal search with the true distributions."""
        market, validator = self._prices(now_s), np.array([task.validator])
        prices = Prices(market.gpu, float(market.clock[task.validator]))
        worths = [
            float(self._worths(np.array([[c.score or 0.0]]), now_s, validator, prices, c.recipe)[0])
            if c.is_valid
            else -np.inf
            for c in task.candidates
        ]
        best = max(worths, default=None)
        seen = [(self._cells[c.recipe], c.score or 0.0) for c in task.candidates if c.is_valid]
        options = []
        for name, truth in self._regime.recipes.items():
            values, weights = self._scores.sample(self._cells[name], seen if self._regime.informs else [])
            options.append(
                Option(
                    name,
                    np.append(self._worths(values[None], now_s, validator, prices, name), 0.0),
                    np.append(weights, 1 - weights.sum()),
                    candidate_cost(truth.generation_s, now_s - task.assigned_at, prices, self._clock),
                )
            )
        decision = next_move(best, options if len(task.candidates) < MOST else ())
        if decision.move is Move.GENERATE:
            return decision.move, decision.recipe
        return decision.move, int(np.argmax(worths)) if worths else None

    def _worths(
        self, scores: FloatArray, now_s: float, validator: FloatArray, prices: Prices, recipe: str
    ) -> FloatArray:
        better = self._regime.recipes[recipe].better
        p = self._accepts(scores, now_s, validator, better)[0]
        return candidate_worth(p, share=1.0, prices=prices, clock=self._clock)

    def settled(self, task: TaskUnderWay, submitted: int | None, outcome: Submit, now_s: float) -> None:
        """Learn nothing: all is known."""
