"""Which generation endpoint a task gets: healthy before doubtful, fast before slow, rested before used."""

import math
from collections.abc import Sequence
from datetime import datetime

from trellis_assets.domain.endpoints.breaker import BreakerState
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.system.compat import UTC

# Endpoints whose paces differ by less than this factor count as equally fast.
SAME_PACE = 1.25
_NEVER = datetime.min.replace(tzinfo=UTC)


def taking_work(endpoints: Sequence[Endpoint], now: datetime) -> list[Endpoint]:
    """Return those whose breaker is not open, busy ones included."""
    return [e for e in endpoints if e.breaker.state(now) is not BreakerState.OPEN]


def is_any_healthy(endpoints: Sequence[Endpoint]) -> bool:
    """Return whether the breaker of one at least is closed."""
    return any(e.breaker.open_until is None for e in endpoints)


def free_endpoints(endpoints: Sequence[Endpoint], now: datetime, tried: Sequence[str] = ()) -> list[str]:
    """Return the names of those that a task may have now, the best first.

    Healthy ones come first, then the faster, then the one that has rested longest.

    Args:
        endpoints: to choose from.
        now: aware UTC.
        tried: where the task failed already, once for each time; these come last.

    Examples:
        >>> now = datetime(2026, 1, 1, tzinfo=UTC)
        >>> pool = [Endpoint("slow", recent_s=(60.0,)), Endpoint("fast", recent_s=(5.0,))]
        >>> pool.append(Endpoint("busy", held_by=7, recent_s=(1.0,)))
        >>> free_endpoints(pool, now), free_endpoints(pool, now, tried=["fast"])
        (['fast', 'slow'], ['slow', 'fast'])
    """
    free = [e for e in taking_work(endpoints, now) if e.held_by is None]
    fastest = min((e.pace_s for e in free if e.pace_s), default=None)

    def rank(endpoint: Endpoint) -> tuple[int, bool, int, int, datetime]:
        breaker = endpoint.breaker
        return (
            tried.count(endpoint.name),
            breaker.open_until is not None,
            breaker.failures_in_a_row,
            _slowness(endpoint.pace_s, fastest),
            endpoint.last_used_at or _NEVER,
        )

    return [endpoint.name for endpoint in sorted(free, key=rank)]


def _slowness(pace_s: float | None, fastest_s: float | None) -> int:
    """Return 0 for the fastest, those about as fast and those not known yet; 1 and more for slower ones.

    Examples:
        >>> [_slowness(pace_s, 4.0) for pace_s in (4.0, 4.9, 5.0, 8.0, None)]
        [0, 0, 1, 3, 0]
    """
    if not pace_s or not fastest_s:
        return 0
    return int(math.log(pace_s / fastest_s) / math.log(SAME_PACE))
