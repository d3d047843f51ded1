"""What work for a validator is expected to be worth, how surely that is known, and who goes first by it."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

_T = TypeVar("_T")
# A validator that never answered a result counts as one that accepted this share of them.
UNKNOWN_ACCEPTANCE = 0.9
# Weights follow stakes only roughly: worths that differ by less than this share are equal.
EQUAL_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Worth:
    """An expected reward in TAO of stake times probability, and its standard deviation."""

    mean: float
    deviation: float

    def is_equal(self, other: "Worth") -> bool:
        """Whether the two differ by less than what is known of them."""
        unknown = math.hypot(self.deviation, other.deviation)
        return abs(self.mean - other.mean) <= max(unknown, EQUAL_SHARE * max(self.mean, other.mean))


def worth_of(stake: float, accepted: int, submitted: int) -> Worth:
    """Return what a task of a validator is worth: weights follow stakes, and only accepted results count.

    The acceptance is that of a beta distribution which begins with one result of `UNKNOWN_ACCEPTANCE`.
    Its mean grows with the number of answers by itself, from 0.9 to 0.99 after ten accepted results, and its
    deviation says that this means nothing: 0.21 and 0.03.

    Args:
        stake: of the validator, TAO.
        accepted: results of this miner that it accepted,
        submitted: of those it was sent.
    """
    share = (accepted + UNKNOWN_ACCEPTANCE) / (submitted + 1)
    share = min(share, 1.0)  # an answer that was heard twice
    deviation = math.sqrt(share * (1 - share) / (submitted + 2))
    return Worth(stake * share, stake * deviation)


def best_first(
    items: Iterable[_T], worth: Callable[[_T], Worth], waits_since: Callable[[_T], datetime]
) -> list[_T]:
    """Return the items with the best first; among those worth as much as the best, who waits longest.

    Three validators of a stake of 5,000 that accepted 10 of 10, 3 of 3 and 0 of 0 results are equal, and one
    of 50,000 goes before them.
    """
    left = sorted(((worth(item), item) for item in items), key=lambda pair: -pair[0].mean)
    ordered: list[_T] = []
    while left:
        best = left[0][0]
        equal = [item for known, item in left if known.is_equal(best)]
        left = [(known, item) for known, item in left if not known.is_equal(best)]
        ordered += sorted(equal, key=waits_since)
    return ordered
