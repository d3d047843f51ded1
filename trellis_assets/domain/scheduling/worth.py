"""Worth: what a task of a validator should earn, how surely that is known, and who goes first by it."""

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
    """An expected reward, TAO of stake times probability of acceptance, and its standard deviation."""

    mean: float
    deviation: float

    def is_equal(self, other: "Worth") -> bool:
        """Return whether the two differ by no more than a standard deviation, or by 5 %."""
        unknown = math.hypot(self.deviation, other.deviation)
        return abs(self.mean - other.mean) <= max(unknown, EQUAL_SHARE * max(self.mean, other.mean))


def worth_of(stake: float, accepted: int, submitted: int) -> Worth:
    """Return what a task of a validator is worth: its stake times the probability of acceptance.

    Weights follow stakes, and only accepted results count. With a accepted of n results the probability is
    p = (a + 0.9) / (n + 1): that of a beta distribution which begins with one result of `UNKNOWN_ACCEPTANCE`.
    Its standard deviation is sqrt(p (1 - p) / (n + 2)).

    Args:
        stake: of the validator, TAO.
        accepted: results of this miner that it accepted,
        submitted: of those it was sent.

    Examples:
        An unknown validator, and one that accepted ten of ten: 0.9 and 0.99 of the stake, and the deviations
        say that they are equal.
        >>> [(round(w.mean, 2), round(w.deviation, 2)) for w in (worth_of(1, 0, 0), worth_of(1, 10, 10))]
        [(0.9, 0.21), (0.99, 0.03)]
        >>> worth_of(1, 0, 0).is_equal(worth_of(1, 10, 10))
        True
    """
    share = (accepted + UNKNOWN_ACCEPTANCE) / (submitted + 1)
    share = min(share, 1.0)  # an answer that was heard twice
    deviation = math.sqrt(share * (1 - share) / (submitted + 2))
    return Worth(stake * share, stake * deviation)


def best_first(
    items: Iterable[_T], worth: Callable[[_T], Worth], waits_since: Callable[[_T], datetime]
) -> list[_T]:
    """Return the items, the best first; among those worth as much as the best, the one that waits longest.

    Args:
        items: in any order.
        worth: of an item.
        waits_since: of an item.

    Examples:
        Three validators of a stake of 5,000 TAO that accepted 10 of 10, 3 of 3 and 0 of 0 results are equal:
        the one that waits longest goes first. One of 50,000 goes before them.
        >>> from trellis_assets.testing.fakes import NOW
        >>> known = {"ten": (5e3, 10, 10), "three": (5e3, 3, 3), "new": (5e3, 0, 0), "rich": (5e4, 0, 0)}
        >>> order = ["new", "three", "ten", "rich"]
        >>> since = {name: NOW.replace(second=second) for second, name in enumerate(order)}
        >>> best_first(known, lambda name: worth_of(*known[name]), since.__getitem__)
        ['rich', 'new', 'three', 'ten']
    """
    left = sorted(((worth(item), item) for item in items), key=lambda pair: -pair[0].mean)
    ordered: list[_T] = []
    while left:
        best = left[0][0]
        equal = [item for known, item in left if known.is_equal(best)]
        left = [(known, item) for known, item in left if not known.is_equal(best)]
        ordered += sorted(equal, key=waits_since)
    return ordered
