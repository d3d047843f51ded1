"""Honest comparisons: an estimate with its interval, the tasks still needed, and "no difference yet"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm
from scipy.stats import t as student

FloatArray = NDArray[np.float64]
_LEVEL, _POWER = 0.95, 0.8
# With fewer pairs an interval by Student's t leans on the normal law too much to be shown.
LEAST_PAIRS = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference, second less first, with its 95 % interval.

    Attributes:
        tasks: that it rests on.
        still_needed: tasks (or pairs) until a difference of the given size would be seen with a
            probability of 0.8; 0 when it can be told already.
    """

    difference: float
    low: float
    high: float
    tasks: int
    still_needed: int

    @property
    def is_seen(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0

    def told(self, first: str, second: str) -> str:
        """Return the answer in words."""
        if not math.isfinite(self.low):
            return (
                f"no difference can be seen yet between {first} and {second}: {self.tasks} of "
                f"{self.tasks + self.still_needed} pairs that it takes to tell anything"
            )
        interval = (
            f"{self.difference:+.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f}, {self.tasks} tasks)"
        )
        if self.is_seen:
            better = second if self.difference > 0 else first
            return f"{better} is better: {second} less {first} is {interval}"
        return (
            f"no difference can be seen yet: {second} less {first} is {interval}; "
            f"about {self.still_needed} more tasks are needed"
        )


def paired(first: Sequence[float], second: Sequence[float], smallest: float) -> Estimate:
    """Return the mean difference of two recipes on the same prompts, by Student's t on the pairs.

    Scores of (0.5, 0.6, 0.4, 0.7, 0.5) and each 0.1, 0.2, 0.1, 0.2, 0.15 more: +0.15, 0.088 to 0.212.

    Args:
        first: scores, one a prompt.
        second: scores of the same prompts, in the same order.
        smallest: the difference that matters.

    Raises:
        ValueError: the two are of different length.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} scores: pairs need as many of each")
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    n = len(differences)
    if n < LEAST_PAIRS:
        mean = float(differences.mean()) if n else 0.0
        return Estimate(mean, -math.inf, math.inf, n, LEAST_PAIRS - n)
    sd = float(differences.std(ddof=1))
    half = float(student.ppf((1 + _LEVEL) / 2, n - 1)) * sd / math.sqrt(n)
    mean = float(differences.mean())
    return _estimate(mean, mean - half, mean + half, n, _needed(sd**2, smallest))


def randomised(first: tuple[int, int], second: tuple[int, int], smallest: float) -> Estimate:
    """Return the difference of two accepted shares in tasks that were assigned at random.

    Newcombe's hybrid score interval (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10), which is
    right also for small samples: 0 of 2 against 42 of 100 is -0.42, -0.52 to +0.25: it says nothing.

    Args:
        first: accepted, and answered.
        second: accepted, and answered.
        smallest: the difference of shares that matters.
    """
    (a, n), (b, m) = first, second
    if n == 0 or m == 0:
        return Estimate(0.0, -1.0, 1.0, n + m, 2 * _needed(0.5, smallest))
    p, q = a / n, b / m
    (p_low, p_high), (q_low, q_high) = wilson(a, n), wilson(b, m)
    difference = q - p
    low = difference - math.hypot(q - q_low, p_high - p)
    high = difference + math.hypot(q_high - q, p - p_low)
    variance = p * (1 - p) + q * (1 - q) or 0.5
    return _estimate(difference, low, high, n + m, 2 * _needed(variance, smallest))


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval of a share: 0 of 2 is 0 to 0.66, 42 of 100 is 0.33 to 0.52."""
    if n == 0:
        return 0.0, 1.0
    z = float(norm.ppf((1 + _LEVEL) / 2))
    p, scale = successes / n, 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    centre = (p + z * z / (2 * n)) / scale
    # At the ends the bounds are exact; rounding must not put 0 of 7 above a share of 0.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return low, 1.0 if successes == n else min(1.0, centre + half)


def validator_told(accepted: int, answered: int, usual: float) -> str:
    """Return what a validator's answers say against the usual accepted share; little, when they are few.

    0 of 2 tells nothing of a validator where 0.42 is usual: that happens by chance in 34 of 100 cases.

    Args:
        accepted: results.
        answered: results.
        usual: accepted share of all validators, 0..1.
    """
    low, high = wilson(accepted, answered)
    if low <= usual <= high:
        told = f"{accepted} of {answered} tells no difference from the usual {usual:.2f}"
        return f"{told} ({low:.2f} to {high:.2f})"
    compared = "more" if low > usual else "less"
    told = f"{accepted} of {answered} is {compared} than the usual {usual:.2f}"
    return f"{told} ({low:.2f} to {high:.2f})"


def gain_probability(control: tuple[int, int], treated: tuple[int, int]) -> float:
    """Return the probability that the treated tasks' accepted share is the higher one, by beta posteriors.

    Counted on a grid; both begin with a uniform prior. Of 5 of 10 against 8 of 10 it is 0.9.
    """
    grid = (np.arange(2000) + 0.5) / 2000
    (a, n), (b, m) = control, treated
    density = beta.pdf(grid, b + 1, m - b + 1)
    return float(np.sum(density * beta.cdf(grid, a + 1, n - a + 1)) / np.sum(density))


def _needed(variance: float, smallest: float) -> int:
    """Tasks for a two-sided test of the level and power of this module; both variances summed."""
    z = float(norm.ppf((1 + _LEVEL) / 2) + norm.ppf(_POWER))
    return math.ceil(variance * (z / smallest) ** 2)


def _estimate(difference: float, low: float, high: float, n: int, needed: int) -> Estimate:
    is_seen = low > 0 or high < 0
    return Estimate(difference, low, high, n, 0 if is_seen else max(1, needed - n))
