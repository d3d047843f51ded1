"""What a simulated day shows: rates, shares and times, and their medians over seeds with intervals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earning.simulation import Day

FloatArray = NDArray[np.float64]
# What is measured begins after so many settled tasks of the same policy.
SETTLING_TASKS = 500
# Tasks after a change until the rate counts again.
RECOVERY_TASKS = 200
DEAD_AFTER_TASKS = 100
RECIPE_TASKS = 150
_HOUR_S = 3600.0


def rate_after(day: Day, skipped: int = SETTLING_TASKS) -> float:
    """Return accepted results an hour from the settlement of task number `skipped` to the day's end.

    Raises:
        ValueError: the day has fewer tasks.
    """
    if len(day.times_s) <= skipped:
        raise ValueError(f"the day has {len(day.times_s)} tasks, more than {skipped} are needed")
    return _rate(day, float(day.times_s[skipped]), day.end_s)


def rate_after_change(day: Day, change_s: float, tasks: int = RECOVERY_TASKS) -> float:
    """Return accepted results an hour from `tasks` settled tasks after a change to the day's end."""
    after = day.times_s[day.times_s > change_s]
    return _rate(day, float(after[tasks]), day.end_s)


def _rate(day: Day, begin_s: float, end_s: float) -> float:
    counted = day.accepted & (day.times_s > begin_s)
    return float(counted.sum()) / (end_s - begin_s) * _HOUR_S


def gpu_share(day: Day, validator: int, skipped: int = DEAD_AFTER_TASKS) -> float:
    """Return the share of all GPU seconds that went into a validator's tasks, after so many settled tasks."""
    spent = day.gpu_s[skipped:]
    return float(spent[day.validators[skipped:] == validator].sum() / spent.sum())


def trials(day: Day, validator: int, skipped: int = DEAD_AFTER_TASKS) -> int:
    """Return how many of a validator's tasks had a candidate, after so many settled tasks."""
    made = (day.validators[skipped:] == validator) & (day.gpu_s[skipped:] > 0)
    return int(made.sum())


def leading_share(day: Day, recipe: str, skipped: int = RECIPE_TASKS) -> float:
    """Return the share of first candidates made by this recipe, after so many settled tasks."""
    made = [first for first in day.first_recipes[skipped:] if first]
    return made.count(recipe) / len(made)


def median_interval(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Return the median and its 95 % interval, by resampling 2,000 times.

    Of 20 values the interval is about from the sixth to the fifteenth of them.
    """
    sample = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(0, len(sample), (2000, len(sample)))
    low, high = np.quantile(np.median(sample[picks], axis=1), [0.025, 0.975])
    return float(np.median(sample)), float(low), float(high)
