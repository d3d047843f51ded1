"""What another policy would have earned on recorded tasks: an off-policy estimate with its uncertainty.

A recorded task shows the answer to what was done, not to what another policy would have done. So it counts
only where both do the same, by the inverse of how probable that was, around the acceptance that the model
predicts: the doubly robust estimator (M. Dudik, J. Langford and L. Li, Doubly Robust Policy Evaluation and
Learning, ICML 2011). It is right when either the probabilities or the model are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_RESAMPLED, _LEVEL = 1000, 0.95
# A task that was done so improbably would count more than this many others.
_MOST_WEIGHT = 20.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A settled task.

    Attributes:
        same: whether the other policy would have done what was done.
        probability: that the policy of that time did what it did, above 0 up to 1.
        reward: accepted results less what its clock cost, as counted for both policies.
        predicted_done: reward that the model predicts for what was done.
        predicted_other: reward that the model predicts for what the other policy would have done.
    """

    same: bool
    probability: float
    reward: float
    predicted_done: float
    predicted_other: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """The other policy's reward a task.

    Attributes:
        value: the estimate.
        low, high: its 95 % interval, by resampling the tasks.
        effective: so many tasks speak for it (Kish's effective sample size); under 30 it is hardly more than
            the model's own opinion.
    """

    value: float
    low: float
    high: float
    effective: float


def replay(tasks: Sequence[Recorded], seed: int = 0) -> Replayed:
    """Return what the other policy would have earned a task.

    One task that both policies would do, with certainty: its own reward. One that only the other would do
    differently: the model's prediction, and nothing is effective.

    Raises:
        ValueError: there are no tasks, or a probability is not above 0.
    """
    if not tasks:
        raise ValueError("there are no recorded tasks to replay")
    if any(not 0 < task.probability <= 1 for task in tasks):
        raise ValueError("a task's probability must be above 0, and at most 1")
    weights = np.array([min(1 / t.probability, _MOST_WEIGHT) if t.same else 0.0 for t in tasks])
    rests = np.array([t.reward - t.predicted_done for t in tasks])
    values = np.array([t.predicted_other for t in tasks]) + weights * rests
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(tasks), (_RESAMPLED, len(tasks)))
    means = values[picks].mean(axis=1)
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    total = float(weights.sum())
    effective = total**2 / float(np.sum(weights**2)) if total > 0 else 0.0
    return Replayed(float(values.mean()), float(low), float(high), effective)
