"""From what the store remembers to beliefs: one pure function, so that they can be rebuilt at any time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.learning.acceptance import (
    FEATURE_UNIT,
    AcceptanceModel,
    Answers,
    fit_acceptance,
    logistic,
)
from trellis_assets.domain.learning.beliefs import Beliefs
from trellis_assets.domain.learning.prices import Fluid, Load, Market
from trellis_assets.domain.learning.score_distribution import ScoreModel, Scores, fit_scores
from trellis_assets.domain.learning.search import Clock
from trellis_assets.domain.learning.sigmoid import expit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
# Of validators that the fluid tells apart.
_GROUPS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What beliefs are made of; the newest few thousand of each are enough.

    Attributes:
        answers: to submitted models.
        scores: of candidates, submitted or not; cells are numbered as in `cells`.
        cells: recipes and kinds of prompts, in order of their numbers.
        generation_s: by recipe, with judging.
        shares: (v,) of the stake, of any scale.
        thresholds: (v,) that the validators announce.
        clock: of the validators.
        gpus: endpoints that can work at the same time.
        now_s: the time, seconds.
    """

    answers: Answers
    scores: Scores
    cells: Sequence[tuple[str, str]]
    generation_s: Mapping[str, float]
    shares: FloatArray
    thresholds: FloatArray
    clock: Clock
    gpus: int
    now_s: float


def learn(evidence: Evidence, earlier: Beliefs | None = None, most: int = 4) -> Beliefs:
    """Return the beliefs that the evidence speaks for.

    Args:
        evidence: all there is.
        earlier: beliefs to begin from; without them the iterations begin with the priors.
        most: candidates for a task.
    """
    acceptance = fit_acceptance(evidence.answers, evidence.now_s, earlier.acceptance if earlier else None)
    names = list(dict.fromkeys(recipe for recipe, _ in evidence.cells))
    recipes = np.array([names.index(recipe) for recipe, _ in evidence.cells])
    scores = fit_scores(evidence.scores, recipes, earlier.scores if earlier else None)
    cells = {cell: index for index, cell in enumerate(evidence.cells)}
    market = _market(evidence, acceptance, scores, earlier.market if earlier else None, most)
    return Beliefs(
        acceptance=acceptance,
        scores=scores,
        market=market,
        clock=evidence.clock,
        cells=cells,
        generation_s=evidence.generation_s,
        shares=evidence.shares,
        most=most,
    )


def _market(
    evidence: Evidence, acceptance: AcceptanceModel, scores: ScoreModel, earlier: Market | None, most: int
) -> Market:
    """The prices under the recipe that earns most by itself, with the kind of prompt most often seen.

    Validators that are nearly alike are one in the fluid, so that its cost does not grow with their number.
    """
    slope = float(acceptance.weights[1]) / FEATURE_UNIT
    usual = float(np.median(evidence.thresholds)) if len(evidence.thresholds) else 0.0
    offsets = acceptance.deviations - slope * (evidence.thresholds - usual)
    members = _alike(evidence.shares * acceptance.alive * expit(acceptance.weights[0] + offsets))
    shares, deviations, alive = (
        np.array([values[group].mean() for group in members])
        for values in (evidence.shares, offsets, acceptance.alive)
    )

    def accepts(values: FloatArray) -> FloatArray:
        shape = (-1,) + (1,) * (values.ndim - 1)
        p = logistic(acceptance.weights, (values - usual)[..., None], deviations.reshape(shape))
        return np.asarray(p * alive.reshape(shape))

    counts = np.array([float(len(group)) for group in members])
    begin = None
    if earlier is not None:
        begin = replace(earlier, clock=np.array([earlier.clock[group].mean() for group in members]))
    best, most_income = None, -np.inf
    for recipe, generation_s in evidence.generation_s.items():
        of_recipe = [index for index, (name, _) in enumerate(evidence.cells) if name == recipe]
        cell = max(of_recipe, key=lambda index: int(scores.counts[index]))
        fluid = Fluid(
            accepts, scores, cell, generation_s, shares, evidence.clock, most, counts, evidence.gpus
        )
        found = fluid.solve(begin)
        income = float(counts @ found.clock) + found.gpu * evidence.gpus
        if income > most_income:
            best, most_income = found, income
    if best is None:
        raise ValueError("there is no recipe: name at least one in recipes.toml")
    return _of_all(best, members)


def _alike(worths: FloatArray) -> list[IntArray]:
    """Groups of validators whose tasks are worth about the same, at most `_GROUPS`."""
    order = np.argsort(worths, kind="stable")
    return [group for group in np.array_split(order, min(_GROUPS, len(order))) if len(group)]


def _of_all(market: Market, members: list[IntArray]) -> Market:
    """The same prices and loads, for each validator instead of each group."""
    of = np.empty(sum(len(group) for group in members), dtype=np.int64)
    for index, group in enumerate(members):
        of[group] = index
    load = market.load
    spread = Load(load.accepted[of], load.gpu_s[of], load.clock_s[of])
    return Market(market.gpu, market.clock[of], spread)
