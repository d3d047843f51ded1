"""How generation endpoints are, in words for people: the doctor, the terminal, Dagster's pages."""

from collections.abc import Sequence
from datetime import datetime

from trellis_assets.domain.endpoints.breaker import Breaker, BreakerState
from trellis_assets.domain.endpoints.endpoints import Endpoint, Probe
from trellis_assets.domain.endpoints.selection import taking_work


def describe_breaker(breaker: Breaker, now: datetime) -> str:
    """Return the state of an endpoint in words: a breaker's "closed" would read as shut.

    Args:
        breaker: of the endpoint.
        now: aware UTC.

    Examples:
        >>> from datetime import timedelta, timezone
        >>> now = datetime(2026, 1, 1, 14, 4, 57, tzinfo=timezone.utc)
        >>> opened = Breaker(3, 1, now + timedelta(seconds=5))
        >>> describe_breaker(Breaker(), now), describe_breaker(opened, now)
        ('working', 'resting until 14:05:02 UTC')
        >>> describe_breaker(opened, now + timedelta(minutes=1))
        'to be tried with one task'
    """
    match breaker.state(now):
        case BreakerState.CLOSED:
            return "working"
        case BreakerState.HALF_OPEN:
            return "to be tried with one task"
        case BreakerState.OPEN if breaker.is_unreachable:
            return "unreachable"
        case BreakerState.OPEN:
            assert breaker.open_until is not None
            return f"resting until {breaker.open_until:%H:%M:%S} UTC"


def describe_endpoint(endpoint: Endpoint, now: datetime) -> str:
    """Return how the endpoint is and its last error, as one line that begins with its name."""
    failures, error = endpoint.breaker.failures_in_a_row, endpoint.last_error
    in_a_row = f", {failures} failure{'s' * (failures > 1)} in a row" if failures else ""
    reason = f": {error}" if error else ""
    return f"{endpoint.name} is {describe_breaker(endpoint.breaker, now)}{in_a_row}{reason}"


def why_none_takes_work(endpoints: Sequence[Endpoint], now: datetime) -> str | None:
    """Return how each of them is, if none takes work; None if one does."""
    if not endpoints or taking_work(endpoints, now):
        return None
    return "no generation endpoint takes work: " + "; ".join(describe_endpoint(e, now) for e in endpoints)


def why_none_is_ready(probes: Sequence[Probe]) -> str | None:
    """Return why no endpoint is ready; None if one takes work, or is there and may do so later."""
    troubles = [probe.trouble for probe in probes if probe.trouble is not None and not probe.is_answering]
    if not probes or len(troubles) < len(probes):
        return None
    return "no generation endpoint is ready: " + "; ".join(troubles)
