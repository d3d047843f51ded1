"""Submission lock: how long a validator scores no further result, learnt from its answers.

Within its lock (PROTOCOL 4.4, step 6) a validator answers a result without scoring it and keeps the task.
With a cooldown shorter than the lock each task would be sent several times, with its whole model.
"""

from datetime import datetime, timedelta

from trellis_assets.domain.clock_skew import is_ahead

# The subnet's default, and the longest that is waited for.
DEFAULT_LOCK_S, LONGEST_LOCK_S = 30.0, 900.0
LONGEST_LOCK = timedelta(seconds=LONGEST_LOCK_S)


def lock_after_refusal(scored_at: datetime | None, sent_at: datetime, lock_s: float | None) -> float:
    """Return how long the lock is taken to be, in seconds, after a result was answered without being scored.

    A result that was sent 6 s after a scored one and was not scored shows that the lock is longer: the next
    try follows after the subnet's 30 s, and one that fails at 40 s is followed by one at 80 s.

    Args:
        scored_at: when the last result that was scored was sent; None: not known.
        sent_at: when the result was sent.
        lock_s: as it was taken to be before.

    Examples:
        >>> from trellis_assets.testing.fakes import NOW as scored_at
        >>> [lock_after_refusal(scored_at, scored_at + timedelta(seconds=s), None) for s in (6, 40, 9000)]
        [30.0, 80.0, 900.0]
    """
    gap_s = 0.0 if scored_at is None else max(0.0, (sent_at - scored_at).total_seconds())
    return min(LONGEST_LOCK_S, max(DEFAULT_LOCK_S, 2 * gap_s, lock_s or 0.0))


def lock_after_scoring(scored_at: datetime | None, sent_at: datetime, lock_s: float | None) -> float | None:
    """Return how long the lock is taken to be after a result was scored: no longer than the last gap.

    None means that no result was ever refused, and that nothing is waited for.

    Examples:
        >>> from trellis_assets.testing.fakes import NOW as scored_at
        >>> lock_after_scoring(scored_at, scored_at + timedelta(seconds=50), 80.0)
        50.0
    """
    if lock_s is None or scored_at is None:
        return lock_s
    gap_s = (sent_at - scored_at).total_seconds()
    return min(lock_s, gap_s) if gap_s > 0 else lock_s


def locked_until(scored_at: datetime | None, lock_s: float | None, now: datetime) -> datetime | None:
    """Return when the lock ends; None if the validator is not known to be locked."""
    if scored_at is None or lock_s is None:
        return None
    ends_at = scored_at + timedelta(seconds=lock_s)
    return ends_at if is_ahead(ends_at, now, LONGEST_LOCK) else None
