"""The hidden truths: prompts, candidates, local scores and validators' thresholds, all seeded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
MOST_CANDIDATES = 6
HOUR_S = 3600.0  # days begin at 1 h: times of the simulator are never near 0


@dataclass(frozen=True, slots=True)
class Truth:
    """A recipe's true values: how much better its candidates are, and seconds of making and judging one."""

    better: float = 0.0
    generation_s: float = 18.0


@dataclass(frozen=True, slots=True)
class Regime:
    """A day of mining.

    Attributes:
        validators: how many; `dead` of them accept nothing.
        recipes: by name; the first is what fixed policies use.
        raised: by which half the validators raise their threshold, unannounced, at `raised_at_s`.
        informs: whether the local score says anything.
        prompt_mean, prompt_sd, candidate_sd: of the validators' score.
        collapsed: share of candidates that show nothing.
        local_noise, validator_noise: standard deviations.
        threshold_sd: how far validators' hidden thresholds are from the 0.6 they announce.
    """

    name: str
    validators: int = 8
    dead: int = 0
    recipes: Mapping[str, Truth] = field(default_factory=lambda: {"usual": Truth()})
    raised: float = 0.0
    raised_at_s: float = 13 * HOUR_S
    informs: bool = True
    length_s: float = 24 * HOUR_S
    prompt_mean: float = 0.57
    prompt_sd: float = 0.10
    candidate_sd: float = 0.15
    collapsed: float = 0.10
    local_noise: float = 0.05
    validator_noise: float = 0.02
    threshold_sd: float = 0.02
    announced: float = 0.6
    endpoints: int = 1


REGIMES = {
    "A": Regime("A: 8 validators, GPU half idle"),
    "B": Regime(
        "B: 32 validators, 25 s a generation, GPU oversubscribed",
        validators=32,
        recipes={"usual": Truth(generation_s=25.0)},
    ),
    "C": Regime("C: as A, half the validators ask 0.08 more after 12 h", raised=0.08),
    "D": Regime("D: as A, the local score says nothing", informs=False),
    "E": Regime("E: 16 validators, one accepts nothing", validators=16, dead=1),
}


@dataclass(frozen=True, slots=True, eq=False)
class HiddenTask:
    """A task's truths: the same for every policy.

    Attributes:
        quality: (MOST_CANDIDATES,) of its candidates by the usual recipe.
        collapsed: (MOST_CANDIDATES,) which show nothing.
        local: (MOST_CANDIDATES,) errors of the local score; where it says nothing, the score itself.
        error: of the validator's score.
    """

    quality: FloatArray
    collapsed: NDArray[np.bool_]
    local: FloatArray
    error: float


class World:
    """Draws tasks by validator and number, the same for every policy at every time."""

    def __init__(self, regime: Regime, seed: int) -> None:
        self.regime, self._seed = regime, seed
        rng = np.random.default_rng((seed, 1))
        self._thresholds = rng.normal(regime.announced, regime.threshold_sd, regime.validators)
        self._raises = np.arange(regime.validators) % 2 == 0
        self._is_dead = np.arange(regime.validators) < regime.dead
        rng.shuffle(self._is_dead)
        self._tasks: dict[tuple[int, int], HiddenTask] = {}

    def threshold(self, validator: int, now_s: float) -> float:
        """Return the score from which the validator accepts at this time."""
        if self._is_dead[validator]:
            return 2.0
        is_raised = self._raises[validator] and now_s >= self.regime.raised_at_s
        return float(self._thresholds[validator]) + (self.regime.raised if is_raised else 0.0)

    def is_dead(self, validator: int) -> bool:
        """Return whether the validator accepts nothing."""
        return bool(self._is_dead[validator])

    def task(self, validator: int, number: int) -> HiddenTask:
        """Return the validator's task of this number."""
        r = self.regime
        rng = np.random.default_rng((self._seed, 2, validator, number))
        rest, local = rng.standard_normal(MOST_CANDIDATES), rng.standard_normal(MOST_CANDIDATES)
        quality = r.prompt_mean + r.prompt_sd * rng.standard_normal() + r.candidate_sd * rest
        collapsed = rng.random(MOST_CANDIDATES) < r.collapsed
        said = r.prompt_mean + np.hypot(r.prompt_sd, r.candidate_sd) * local
        return HiddenTask(
            quality, collapsed, r.local_noise * local if r.informs else said, float(rng.standard_normal())
        )

    def candidate(self, task: HiddenTask, index: int, recipe: str) -> tuple[float, float, bool]:
        """Return a candidate: its quality for validators, its local score, and whether the data checks pass.

        Where the local score says nothing, no data check tells a collapsed model either.
        """
        quality = float(task.quality[index]) + self.regime.recipes[recipe].better
        is_collapsed = bool(task.collapsed[index])
        quality = 0.05 if is_collapsed else quality
        if not self.regime.informs:
            return quality, float(task.local[index]), True
        return quality, quality + float(task.local[index]), not is_collapsed

    def validators_score(self, task: HiddenTask, quality: float) -> float:
        """Return the score that a validator measures."""
        return quality + self.regime.validator_noise * task.error
