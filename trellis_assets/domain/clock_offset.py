"""Clock offset: how far validators' clocks are from ours, measured by the `Date` of their responses.

A cooldown is given in the validator's time, and a request whose nonce is older than a few seconds is refused:
a wrong clock costs every poll. What one validator says of its own clock is used for that validator
alone; what is wrong with ours is believed when validators agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

# An offset beyond this is taken for a lie.
MAX_OFFSET = timedelta(hours=24)
# `Date` names whole seconds.
_HALF_SECOND = timedelta(seconds=0.5)
# A response that took longer says too little of the clock.
LONGEST_ROUND_TRIP_S = 30.0
# Clocks that are kept right differ by less.
TOLERANCE_S = 2.0
# So many validators must agree before our clock is called wrong.
LEAST_VALIDATORS = 3


@dataclass(frozen=True, slots=True)
class Offset:
    """A validator's clock less ours.

    Attributes:
        seconds: above 0 where ours is behind.
        margin: it may be wrong by so many seconds.
    """

    seconds: float
    margin: float

    @property
    def is_wrong(self) -> bool:
        """Return whether the two clocks differ by more than can be explained by the measurement."""
        return abs(self.seconds) > self.margin + TOLERANCE_S


def measure_offset(server_time: datetime | None, round_trip_s: float, received_at: datetime) -> Offset | None:
    """Return the offset that one answer shows, None where it shows none.

    An answer with the `Date` 12:00:30 that came at 12:00:00.2 by our clock, after 0.4 s: the server wrote it
    between 30 and 31 s, we were between 11:59:59.8 and 12:00:00.2. The offset is 30.5 s, give or take 0.7 s.

    Args:
        server_time: the `Date` header, in whole seconds, UTC.
        round_trip_s: from the start of the call to the end of the answer.
        received_at: by our clock, UTC.
    """
    if server_time is None or not 0 <= round_trip_s <= LONGEST_ROUND_TRIP_S:
        return None
    between = received_at - timedelta(seconds=round_trip_s / 2)
    offset = server_time + _HALF_SECOND - between
    if abs(offset) > MAX_OFFSET:
        return None
    return Offset(offset.total_seconds(), _HALF_SECOND.total_seconds() + round_trip_s / 2)


def validators_time(offset: Offset | None, now: datetime) -> datetime:
    """Return what time it is for the validator, at least: ours, unless its clock differs from it for certain.

    "At least", so that no validator is polled too early: that counts as a violation.
    """
    if offset is None or not offset.is_wrong:
        return now
    return now + timedelta(seconds=offset.seconds - offset.margin)


def by_another_clock(moment: datetime | None, ours: Offset | None, other: Offset | None) -> datetime | None:
    """Return a time by our clock as another process reads it; both have measured the same validator's clock.

    A run worker stores a cooldown that the code server reads: with the code server's clock three hours ahead
    of the worker's, a cooldown until 12:05 by the worker's is one until 15:05 by the code server's.

    Args:
        moment: by our clock.
        ours: the validator's clock less ours.
        other: the validator's clock less the other process's.

    Returns:
        The moment itself unless the two clocks differ for certain; else not too early by the margins.
    """
    if moment is None or ours is None or other is None:
        return moment
    difference_s, margin_s = ours.seconds - other.seconds, ours.margin + other.margin
    if abs(difference_s) <= margin_s + TOLERANCE_S:
        return moment
    return moment + timedelta(seconds=difference_s + margin_s)


def our_error_s(offsets: Sequence[Offset]) -> float | None:
    """Return how far our clock is behind, in seconds, as far as validators agree; None if they prove nothing.

    The median over validators, each counted once: of offsets of 30.2, 30.4 and a liar's -4000 s it is 30.2 s,
    and two of three agree with it. Validators choose what they say, so that less than half of them prove
    nothing.

    Args:
        offsets: the newest of each validator.
    """
    if len(offsets) < LEAST_VALIDATORS:
        return None
    middle = median(offset.seconds for offset in offsets)
    agreeing = sum(abs(offset.seconds - middle) <= offset.margin + TOLERANCE_S for offset in offsets)
    return middle if 2 * agreeing > len(offsets) else None
