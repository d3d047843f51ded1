"""Decide whether to make another candidate, of which recipe, or to stop: optimal search with recall.

Source: M. L. Weitzman, "Optimal Search for the Best Alternative", Econometrica 47(3), 1979. Each recipe has
one number, its reservation value; the recipe with the highest is tried next, and the search stops as soon as
the best candidate in hand is worth at least that much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trellis_assets.system.compat import StrEnum

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clock:
    """A validator's clock in seconds, as its pulls announce it (PROTOCOL 4.3).

    Attributes:
        cooldown_s: after a task that was accepted or handed back.
        penalty_s: that a rejection adds to it.
        free_s: the throttle period: so much of the working time costs nothing.
        scoring_s: from sending a result to its settlement.
    """

    cooldown_s: float = 300.0
    penalty_s: float = 600.0
    free_s: float = 30.0
    scoring_s: float = 3.0

    def late_s(self, elapsed_s: float) -> float:
        """Return the seconds that settling a model would cost which is ready `elapsed_s` after assignment.

        With 30 s free and 3 s of scoring, a model that is ready after 20 s costs 0 s, one after 40 s 13 s.
        """
        return max(0.0, elapsed_s + self.scoring_s - self.free_s)


@dataclass(frozen=True, slots=True)
class Prices:
    """What a second is worth, in accepted results of a validator with the whole stake.

    Attributes:
        gpu_s: the least price at which the wanted generations fit into the GPU's time; 0 while it idles.
        clock_s: what a second of this validator's clock earns, net of the GPU that it uses.
    """

    gpu_s: float
    clock_s: float


def candidate_worth(
    probability: FloatArray | float,
    *,
    share: float,
    prices: Prices,
    clock: Clock,
    quality: FloatArray | float = 1.0,
) -> FloatArray:
    """Return what submitting a candidate is worth: `share*p*quality - (1-p)*penalty_s*clock_s`.

    Handing back is worth 0, so that a negative worth means: do not submit. With p = 0.5, a share of 1, a
    penalty of 600 s and 0.001 results a second: 0.5 - 0.5*0.6 = 0.2.

    Args:
        probability: (...) that this validator accepts it, 0..1.
        share: of the stake that this validator holds.
        prices: of the GPU and of this validator's clock.
        clock: of this validator.
        quality: (...) `1 + beta*(fidelity - usual fidelity)`: what the quality adds through duels.
    """
    accepted = np.asarray(probability, dtype=np.float64)
    worth: FloatArray = share * accepted * quality - (1.0 - accepted) * clock.penalty_s * prices.clock_s
    return worth


def candidate_cost(generation_s: float, elapsed_s: float, prices: Prices, clock: Clock) -> float:
    """Return the cost of one more candidate: its GPU time, and the clock time beyond the free seconds.

    A generation of 18 s that begins 18 s after the assignment ends at 36 s; with 3 s of scoring and 30 s
    free it costs 9 s of the clock. At prices of 0.002 (GPU) and 0.001 (clock): 0.036 + 0.009 = 0.045.

    Args:
        generation_s: to make and judge it.
        elapsed_s: since the assignment.
        prices: of the GPU and of this validator's clock.
        clock: of this validator.
    """
    late_s = clock.late_s(elapsed_s + generation_s) - clock.late_s(elapsed_s)
    return generation_s * prices.gpu_s + late_s * prices.clock_s


def reservation_value(values: FloatArray, weights: FloatArray, cost: float) -> float:
    """Return the solution z of `E[max(V - z, 0)] = cost` for a discrete distribution of worths V.

    The left side is, at any z, the largest of the sums `sum(w_i * (v_i - z))` over the best j values; so z is
    the largest of `(sum(w_i * v_i) - cost) / sum(w_i)` over j. Worths of 0, 0 and 1 with equal weights and
    a cost of 0.1: j = 1 gives (1/3 - 0.1) / (1/3) = 0.7. At no cost z is the largest value.

    Args:
        values: (n,) worths, n >= 1.
        weights: (n,) positive, of sum 1.
        cost: of one more candidate, at least 0.
    """
    order = np.argsort(-values)
    summed = np.cumsum(weights[order])
    return float(np.max((np.cumsum(weights[order] * values[order]) - cost) / summed))


@dataclass(frozen=True, slots=True)
class Option:
    """A recipe that could make the next candidate.

    Attributes:
        recipe: its name.
        values: (n,) a sample of what its candidate may be worth.
        weights: (n,) of sum 1.
        cost: of making it.
    """

    recipe: str
    values: FloatArray
    weights: FloatArray
    cost: float

    @property
    def reservation(self) -> float:
        """The reservation value."""
        return reservation_value(self.values, self.weights, self.cost)


class Move(StrEnum):
    """What to do next with a task."""

    GENERATE = "generate"
    SUBMIT = "submit"
    HAND_BACK = "hand_back"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, with the numbers that it follows from.

    Attributes:
        recipe: of the next candidate; None unless another one is made.
        best_worth: of the best candidate in hand; None without one.
        reservations: by recipe.
        why: in words.
    """

    move: Move
    recipe: str | None
    best_worth: float | None
    reservations: dict[str, float]
    why: str


def next_move(best_worth: float | None, options: Sequence[Option]) -> Decision:
    """Return whether to make another candidate, to submit the best one, or to hand the task back.

    Args:
        best_worth: of the best candidate in hand; None without one.
        options: the recipes that may be tried now; none when the task has enough candidates.
    """
    in_hand = max(0.0, best_worth or 0.0)  # handing back is always possible, and worth 0
    reservations = {option.recipe: option.reservation for option in options}
    if reservations:
        recipe = max(reservations, key=lambda name: reservations[name])
        if reservations[recipe] > in_hand:
            promised = reservations[recipe]
            why = f"the reservation value of {recipe}, {promised:.4f}, exceeds the {in_hand:.4f} in hand"
            return Decision(Move.GENERATE, recipe, best_worth, reservations, why)
    if best_worth is not None and best_worth > 0:
        why = f"the best candidate is worth {best_worth:.4f}, and no recipe promises more than it costs"
        return Decision(Move.SUBMIT, None, best_worth, reservations, why)
    worth = "there is no model" if best_worth is None else f"the best is worth {best_worth:.4f}"
    why = f"no candidate is worth the risk of a rejection ({worth}), and no recipe promises one"
    return Decision(Move.HAND_BACK, None, best_worth, reservations, why)
