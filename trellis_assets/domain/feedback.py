"""A validator's answer to a submission."""

import math
from dataclasses import dataclass
from datetime import datetime

# Of a miner that no result of was accepted yet, with validators and with us.
FIRST_AVERAGE = 1.0
# Weight of a new score in the validators' moving average.
AVERAGE_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Feedback:
    """The fields of the subnet's Feedback model, with numbers that passed the range check.

    Attributes:
        validation_failed: the validator's scoring service gave no usable answer.
        task_fidelity_score: score of this result, as sent: validators send 0 for one that they reject, and it
            is stored so (means are over accepted results); None for a hand-back, which
            nobody scores.
        average_fidelity_score: the validator's moving average for this miner; None where it is not known.
        generations_within_the_window: accepted results in the last 4 hours; None where it is not known.
        current_duel_rating: Glicko-2 rating; None from validators without duels.
        current_miner_reward: what weights are set by, a level; None where it is not known.
        is_inferred: the answer was lost, and follows from a later one.
    """

    validation_failed: bool
    task_fidelity_score: float | None
    average_fidelity_score: float | None
    generations_within_the_window: int | None
    current_duel_rating: float | None
    current_miner_reward: float | None
    received_at: datetime
    is_inferred: bool = False

    @property
    def is_accepted(self) -> bool:
        """Return whether the result counts: only accepted results carry a score above zero."""
        return not self.validation_failed and (self.task_fidelity_score or 0.0) > 0.0


def finite_in(value: float, low: float, high: float) -> float:
    """Return `value` cut to low..high; NaN becomes `low`. Feedback comes from an untrusted peer."""
    if math.isnan(value):
        return low
    return min(max(value, low), high)


def moving_average(previous: float | None, value: float, alpha: float = AVERAGE_ALPHA) -> float:
    """Return the moving average `(1-alpha)*previous + alpha*value`, as the validators keep it (PROTOCOL 4.7).

    It starts at 1.0: after a first score of 0.8 it is 0.99.

    Args:
        previous: the average so far, or None before the first value.
        value: the new observation.
        alpha: weight of the new observation, 0.05 as the validators use.
    """
    return (1 - alpha) * (FIRST_AVERAGE if previous is None else previous) + alpha * value
