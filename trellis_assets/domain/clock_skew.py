"""What a stored time still says when the clock may have been set since it was written.

A machine's clock jumps: it was wrong and is put right, or the machine slept. Forwards, leases end
early, which the fence in the store makes harmless. Backwards, everything stored lies hours ahead,
and would keep the miner waiting for as long, were it believed.
"""

from datetime import datetime, timedelta

# Clocks of two machines, or of one that is kept right in small steps, differ by less.
CLOCK_SLACK = timedelta(seconds=30)


def is_ahead(moment: datetime | None, now: datetime, longest: timedelta) -> bool:
    """Whether a stored moment is still to come.

    One that lies further ahead than it is ever set was written before the clock was set back: it
    does not count.

    Args:
        moment: as stored; None is not ahead.
        now: aware UTC.
        longest: the furthest ahead that such a moment is ever set.
    """
    return moment is not None and now < moment <= now + longest + CLOCK_SLACK


def elapsed(since: datetime, now: datetime) -> timedelta:
    """The time since a stored moment; `timedelta.max` where it lies in the future by a clock set back."""
    passed = now - since
    return timedelta.max if passed < -CLOCK_SLACK else passed
