"""Clock skew: what a stored time means when the clock may have been set since it was written.

A machine's clock jumps: it was wrong and is put right, or the machine slept. After a jump forwards leases
end early, which fencing in the store makes harmless. After a jump backwards every stored time lies hours
ahead; if it counted, the miner would wait for as long.
"""

from datetime import datetime, timedelta

# Clocks of two machines, or of one that is corrected in small steps, differ by less.
CLOCK_SLACK = timedelta(seconds=30)


def is_ahead(moment: datetime | None, now: datetime, longest: timedelta) -> bool:
    """Return whether a stored time is still to come.

    One that lies further ahead than it is ever set was written before the clock was set back, and does not
    count.

    Args:
        moment: as stored; None is not ahead.
        now: aware UTC.
        longest: the furthest ahead that such a time is ever set.

    Examples:
        >>> from trellis_assets.testing.fakes import NOW as now
        >>> minute = timedelta(minutes=1)
        >>> is_ahead(now + minute, now, longest=minute), is_ahead(now + 9 * minute, now, longest=minute)
        (True, False)
    """
    return moment is not None and now < moment <= now + longest + CLOCK_SLACK


def elapsed(since: datetime, now: datetime) -> timedelta:
    """Return the time since a stored time; `timedelta.max` if a clock set back put it into the future."""
    passed = now - since
    return timedelta.max if passed < -CLOCK_SLACK else passed
