"""Slot polling: how often a waiting task looks for a free endpoint: seldom, until one is about to be free."""

from collections.abc import Sequence
from datetime import datetime

from trellis_assets.domain.endpoints.endpoints import Endpoint

# When an endpoint is expected to be free within `CLOSE_S`, each millisecond of waiting is an idle GPU's.
CLOSE_INTERVAL_S, CLOSE_S = 0.005, 0.05
# A generation that takes longer than expected is watched closely for so long.
OVERDUE_S = 0.5
# Otherwise soon at first, and less often the longer the wait has been: a twentieth of it.
SLOT_POLL_S, LONGEST_SLOT_POLL_S, SLOT_POLL_SHARE = 0.02, 0.25, 0.05


def slot_poll_interval_s(pool: Sequence[Endpoint], now: datetime, waited_s: float) -> float:
    """Return the seconds until a waiting task looks for a free endpoint again.

    Args:
        pool: the endpoints that the task may have.
        now: aware UTC.
        waited_s: seconds that it has waited.

    Examples:
        An endpoint of a pace of 4 s began 1 s ago, 3.8 s ago, and 3.98 s ago; the last is about to be free:
        >>> from datetime import timedelta
        >>> from trellis_assets.testing.fakes import NOW as now
        >>> def busy(seconds):
        ...     return [Endpoint("a", held_by=1, began_at=now - timedelta(seconds=seconds), recent_s=(4.0,))]
        >>> [round(slot_poll_interval_s(busy(seconds), now, waited_s=1.0), 3) for seconds in (1, 3.8, 3.98)]
        [0.25, 0.15, 0.005]
        >>> slot_poll_interval_s([Endpoint("unknown")], now, waited_s=1.0)  # a twentieth of the wait
        0.05
    """
    usual_s = min(max(waited_s * SLOT_POLL_SHARE, SLOT_POLL_S), LONGEST_SLOT_POLL_S)
    left = [
        endpoint.pace_s - (now - endpoint.began_at).total_seconds()
        for endpoint in pool
        if endpoint.pace_s is not None and endpoint.began_at is not None
    ]
    soonest_s = min((seconds for seconds in left if seconds > -OVERDUE_S), default=None)
    if soonest_s is None:
        return usual_s
    if soonest_s <= CLOSE_S:
        return CLOSE_INTERVAL_S
    return min(soonest_s - CLOSE_S, LONGEST_SLOT_POLL_S)
