"""Endpoints and outcomes that the tests of this folder share."""

from datetime import timedelta

from trellis_assets.domain.endpoints.breaker import BreakerState, Outcome
from trellis_assets.domain.endpoints.endpoints import Endpoint, Probe, after_outcome
from trellis_assets.testing.fakes import NOW

GPU = Endpoint("gpu")
FAILED = Outcome(1.0, "answered 500")
UNREACHABLE = Outcome(0.0, "cannot be reached", is_unreachable=True)
MADE = Outcome(4.0)
REFUSED, WELL = Probe("gpu", "cannot be reached"), Probe("gpu")
SOON = timedelta(seconds=1)


def after(*outcomes: Outcome, endpoint: Endpoint = GPU) -> Endpoint:
    """Return the endpoint after these outcomes."""
    for outcome in outcomes:
        endpoint = after_outcome(endpoint, outcome, NOW)
    return endpoint


def pause_s(endpoint: Endpoint) -> float:
    """Return how long the endpoint takes no work, in seconds."""
    assert endpoint.breaker.open_until is not None
    return (endpoint.breaker.open_until - NOW).total_seconds()


def state(endpoint: Endpoint, after_s: float = 0) -> BreakerState:
    """Return the state of the endpoint's breaker so many seconds later."""
    return endpoint.breaker.state(NOW + timedelta(seconds=after_s))
