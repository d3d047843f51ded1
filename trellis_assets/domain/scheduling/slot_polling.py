"""How often a task in line looks for a free endpoint: rarely, until one is about to be free."""

from collections.abc import Sequence
from datetime import datetime

from trellis_assets.domain.endpoints.endpoints import Endpoint

# Around the moment at which an endpoint is expected to be free, every few milliseconds are an idle GPU's.
CLOSE_LOOK_S, CLOSE_S = 0.005, 0.05
# A generation that takes longer than expected is looked after closely for so long.
OVERDUE_S = 0.5
# Otherwise soon at first, and less often the longer the wait has been: a twentieth of it.
SLOT_POLL_S, LONGEST_SLOT_POLL_S, SLOT_POLL_SHARE = 0.02, 0.25, 0.05


def slot_poll_interval_s(pool: Sequence[Endpoint], now: datetime, waited_s: float) -> float:
    """Seconds until the next look.

    Args:
        pool: the endpoints that may be waited for.
        now: aware UTC.
        waited_s: so far.
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
        return CLOSE_LOOK_S
    return min(soonest_s - CLOSE_S, LONGEST_SLOT_POLL_S)
