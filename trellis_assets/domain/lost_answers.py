"""What the next feedback of a validator proves of results whose answers were lost.

A validator counts the results that it accepted in the last four hours, and keeps a moving average of their
scores (PROTOCOL 4.7). Between two feedbacks both change by accepted results alone, and the count also by
those that grow too old.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.feedback import AVERAGE_ALPHA

WINDOW = timedelta(hours=4)
# We know when an answer came, and the validator when it gave it: it may have counted this much earlier.
TIMING_SLACK = timedelta(minutes=6)
# Averages travel as decimal fractions of full precision; a score is computed twenty times less exactly.
_EXACT = 1e-9


@dataclass(frozen=True, slots=True)
class Standing:
    """What a feedback says of a miner.

    Attributes:
        average: of the scores of accepted results, 0 to 1.
        in_window: results accepted in the last four hours.
        at: when it came.
    """

    average: float
    in_window: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is proved of one lost answer: the result was accepted.

    Attributes:
        score: None where it cannot be computed.
        average: the validator's average after it; None where it cannot be computed.
    """

    key: int
    score: float | None
    average: float | None


def accepted_among_lost(
    before: Standing,
    after: Standing,
    *,
    own_score: float | None,
    lost: Sequence[int],
    accepted_at: Sequence[datetime],
    least_score: float,
) -> list[Resolution]:
    """Return the lost answers that were acceptances, as far as two feedbacks of one validator prove it.

    One lost answer between an average of 0.9 with 3 in the window, and a rejection that names 0.895 and 4: it
    was accepted, with the score (0.895 - 0.95 * 0.9) / 0.05 = 0.8. Two lost answers and a count that grew by
    two: both were accepted, with scores that cannot be told apart. Two lost answers and a count that grew by
    one: one of them was, and nothing tells which.

    Args:
        before: the last feedback before the first of them was sent.
        after: the first feedback after them.
        own_score: of the result that `after` answers, None if it was not accepted.
        lost: keys of tasks whose result was sent in between and whose answer never came.
        accepted_at: when we heard of results that this validator accepted, up to `before`; older ones may
            be left out.
        least_score: that the validator accepts; a computed score below it proves that something else moved
            the average.
    """
    if not lost:
        return []
    fewest, most = _accepted_lost(before, after, own=own_score is not None, accepted_at=accepted_at)
    if fewest > len(lost) or most < 0:
        return []  # the validator was restored from older state, or says what is not so
    if len(lost) > 1:
        return [Resolution(key, None, None) for key in lost] if fewest >= len(lost) else []
    average = after.average
    if own_score is not None:
        average = (average - AVERAGE_ALPHA * own_score) / (1 - AVERAGE_ALPHA)
    score = (average - (1 - AVERAGE_ALPHA) * before.average) / AVERAGE_ALPHA
    is_plausible = least_score - _EXACT <= score <= 1 + _EXACT
    has_moved = abs(average - before.average) > _EXACT
    if fewest >= 1:
        if is_plausible:
            return [Resolution(lost[0], min(score, 1.0), average)]
        return [Resolution(lost[0], None, None)]
    # The count leaves it open, for some results may have grown too old; the average does not.
    if most >= 1 and has_moved and is_plausible:
        return [Resolution(lost[0], min(score, 1.0), average)]
    return []


def _accepted_lost(
    before: Standing, after: Standing, *, own: bool, accepted_at: Sequence[datetime]
) -> tuple[int, int]:
    """Return the fewest and the most acceptances that were not heard of, by the count of the window."""
    counted = [moment for moment in accepted_at if before.at - WINDOW - TIMING_SLACK < moment <= before.at]
    # Acceptances that the validator counted then and we know no time of: they may have expired since.
    untimed = max(0, before.in_window - len(counted))
    limit = after.at - WINDOW
    surely = sum(before.at - WINDOW + TIMING_SLACK < m <= limit - TIMING_SLACK for m in counted)
    possibly = sum(m <= limit + TIMING_SLACK for m in counted)
    grown = after.in_window - before.in_window - own
    return grown + surely, grown + min(before.in_window, possibly + untimed)
