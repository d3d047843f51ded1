"""Shares of a whole with their uncertainty, so that few tasks are not taken for a difference."""

import math
from dataclasses import dataclass

# Of the normal law: 95 % lie within so many standard deviations.
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`, such as accepted results of answered ones.

    Examples:
        >>> str(Share(3, 12)), str(Share(0, 0))
        ('25 % (3 of 12)', 'none')
        >>> [round(bound, 2) for bound in Share(3, 12).interval]
        [0.09, 0.53]
    """

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share from 0 to 1; None of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the underlying share (Wilson 1927), from 0 to 1."""
        if not self.whole:
            return 0.0, 1.0
        n, share = self.whole, self.part / self.whole
        centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
        return max(0.0, centre - half), min(1.0, centre + half)

    def is_below(self, other: "Share") -> bool:
        """Return whether it is lower than the other beyond chance: their intervals do not overlap."""
        return self.interval[1] < other.interval[0]

    def __str__(self) -> str:
        if not self.whole:
            return "none"
        return f"{100 * self.part / self.whole:.0f} % ({self.part:,} of {self.whole:,})"
