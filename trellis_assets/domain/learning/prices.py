"""The prices of a GPU second and of each validator's second, from a fluid model of the queue.

Under given prices every validator's tasks have an expected number of accepted results `a`, of GPU seconds `G`
and of clock seconds `T`. A validator's second is then worth `clock = (share * a - gpu * G) / T`, which the
policy that it leads to must bear out (a fixed point), and the GPU's price is the one at which all `G / T`
fill its time (bisection).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.learning.score_distribution import ScoreModel
from trellis_assets.domain.learning.search import Clock
from trellis_assets.domain.learning.sigmoid import ndtri

FloatArray = NDArray[np.float64]
# Acceptance (v, ...) of scores (v, ...) or (1, ...) by each validator.
Accepts = Callable[[FloatArray], FloatArray]

# Of a GPU's time: above it tasks would wait for chance.
FULL = 0.97
_TASKS = 64
# At first; and from prices that are nearly right.
_ROUNDS, _BISECTIONS, _CORRECTIONS, _NEAR = 3, 12, 4, 1.5
_HIGHEST, _LOWEST = 0.2, 1e-6
_NODES: FloatArray = ndtri((np.arange(8) + 0.5) / 8)


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """What a task costs and brings under a policy, by validator.

    Attributes:
        accepted: (v,) expected results.
        gpu_s: (v,) GPU seconds a task.
        clock_s: (v,) seconds from one assignment to the next possible one.
    """

    accepted: FloatArray
    gpu_s: FloatArray
    clock_s: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Prices and the load that they lead to.

    Attributes:
        gpu: of a GPU second.
        clock: (v,) of each validator's second.
        load: under these prices.
    """

    gpu: float
    clock: FloatArray
    load: Load


@dataclass(frozen=True, slots=True, eq=False)
class Fluid:
    """The queue as a fluid: what does not change with the prices.

    Attributes:
        accepts: acceptance of local scores by each validator.
        scores: of candidates.
        cell: the recipe and kind of prompt that a typical task has.
        generation_s: to make and judge a candidate.
        shares: (v,) of the stake; only their ratios matter.
        clock: of the validators.
        most: candidates for a task.
        counts: (v,) how many validators each stands for.
        gpus: endpoints that can work at the same time.
    """

    accepts: Accepts
    scores: ScoreModel
    cell: int
    generation_s: float
    shares: FloatArray
    clock: Clock
    most: int
    counts: FloatArray
    gpus: int = 1

    def load(self, gpu: float, clock: FloatArray) -> Load:
        """Return what tasks cost and bring under these prices, averaged over fixed quasi-random prompts."""
        v, prices = len(self.shares), clock[:, None]
        prompt, rest, broken = _draws(self.most)
        mean = float(self.scores.means[self.cell])
        within, between = self.scores.within_sd, self.scores.between_sd
        invalid = float(self.scores.invalid[self.cell])
        best_worth, best_p = np.zeros((v, _TASKS)), np.zeros((v, _TASKS))
        going, made = np.ones((v, _TASKS), dtype=np.bool_), np.zeros((v, _TASKS))
        rests, seen = np.zeros(_TASKS), np.zeros(_TASKS)
        for k in range(self.most):
            precision = between**-2 + seen * within**-2
            expected = mean + rests * within**-2 / precision
            sd = np.sqrt(within**2 + 1 / precision)
            worths = self._worth(
                self.accepts((expected[:, None] + sd[:, None] * _NODES)[None]), prices[..., None]
            )
            gain = (1 - invalid) * np.maximum(worths - best_worth[..., None], 0).mean(axis=2)
            begun = k * self.generation_s
            late_s = self.clock.late_s(begun + self.generation_s) - self.clock.late_s(begun)
            going &= gain > self.generation_s * gpu + late_s * prices
            if not going.any():
                break
            made += going
            score = mean + between * prompt + within * rest[:, k]
            is_valid = broken[:, k] >= invalid
            p = self.accepts(score[None]) * is_valid
            worth = np.where(is_valid, self._worth(p, prices), -np.inf)
            better = going & (worth > best_worth)
            best_worth, best_p = np.where(better, worth, best_worth), np.where(better, p, best_p)
            rests, seen = rests + is_valid * (score - mean), seen + is_valid
        return self._totals(best_worth, best_p, made)

    def _worth(self, p: FloatArray, prices: FloatArray) -> FloatArray:
        shares = self.shares.reshape((-1,) + (1,) * (p.ndim - 1))
        return np.asarray(shares * p - (1 - p) * self.clock.penalty_s * prices)

    def _totals(self, worth: FloatArray, p: FloatArray, made: FloatArray) -> Load:
        is_sent = worth > 0
        late = np.maximum(0.0, made * self.generation_s + self.clock.scoring_s - self.clock.free_s)
        clock_s = (
            self.clock.cooldown_s + self.clock.penalty_s * is_sent * (1 - p) + np.where(made > 0, late, 0)
        )
        return Load((is_sent * p).mean(axis=1), self.generation_s * made.mean(axis=1), clock_s.mean(axis=1))

    def demand(self, load: Load) -> float:
        """Return how many GPUs the validators' tasks keep busy."""
        return float(np.sum(self.counts * load.gpu_s / load.clock_s))

    def _clock_prices(self, gpu: float, clock: FloatArray, rounds: int = _ROUNDS) -> tuple[FloatArray, Load]:
        load = self.load(gpu, clock)
        for _ in range(rounds):
            clock = np.maximum(0.0, (self.shares * load.accepted - gpu * load.gpu_s) / load.clock_s)
            load = self.load(gpu, clock)
        return clock, load

    def solve(self, earlier: Market | None = None) -> Market:
        """Return the highest GPU price at which the wanted generations still fill the GPUs' time.

        Where all validators are alike, their demand ends at one price: just below it each still wants its
        first candidate, and the queue decides who gets it; above it all would hand their tasks back unmade.

        Args:
            earlier: prices that are nearly right, to begin from.
        """
        room = FULL * self.gpus
        clock = earlier.clock if earlier is not None else 1e-4 * self.shares
        is_dear = earlier is not None and earlier.gpu > 0
        if not is_dear:
            free, load = self._clock_prices(0.0, clock)
            if self.demand(load) <= room:
                return Market(0.0, free, load)
            clock = free
        low, high, steps = _LOWEST, _HIGHEST * float(self.shares.max()), _BISECTIONS
        if is_dear:
            assert earlier is not None
            low, high, steps = earlier.gpu / _NEAR, earlier.gpu * _NEAR, _CORRECTIONS
        for _ in range(steps):
            gpu = float(np.sqrt(low * high))
            found, load = self._clock_prices(gpu, clock, 1)
            if self.demand(load) > room:
                low, clock = gpu, found
            else:
                high = gpu
        if low <= _LOWEST:
            low = 0.0
        found, load = self._clock_prices(low, clock)
        return Market(low, found, load)


@lru_cache(maxsize=8)
def _draws(most: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fixed draws: prompts (t,), candidates (t, most) as normal deviates, and (t, most) uniform ones."""
    from_zero = np.arange(1, _TASKS + 1)[:, None]
    # A Kronecker sequence by square roots of primes: even in every dimension.
    primes = np.array([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41][: 1 + 2 * most])
    points = np.clip((from_zero * np.sqrt(primes)) % 1.0, 1e-4, 1 - 1e-4)
    return ndtri(points[:, 0]), ndtri(points[:, 1 : 1 + most]), points[:, 1 + most :]
