"""When a breaker trips, how long it stays open, and what closes it."""

from datetime import timedelta

import pytest

from trellis_assets.domain.endpoints.breaker import (
    COSTLY_FAILURE_S,
    ENDPOINT_BACKOFF,
    FAILURES_TO_TRIP,
    UNREACHABLE_FOR_S,
    BreakerState,
    Outcome,
    back_off,
)
from trellis_assets.domain.endpoints.endpoints import after_outcome, after_probe
from trellis_assets.testing.fakes import NOW
from trellis_assets_tests.domain.endpoints.records import (
    FAILED,
    GPU,
    MADE,
    REFUSED,
    SOON,
    UNREACHABLE,
    WELL,
    after,
    pause_s,
    state,
)


def test_only_failures_in_a_row_trip_a_breaker() -> None:
    almost = [FAILED] * (FAILURES_TO_TRIP - 1)
    assert state(after(*almost, MADE, *almost)) is BreakerState.CLOSED
    assert state(after(*almost, FAILED)) is BreakerState.OPEN


@pytest.mark.parametrize("outcome", [UNREACHABLE, Outcome(COSTLY_FAILURE_S, "timed out")])
def test_one_unreachable_or_costly_failure_trips_a_breaker(outcome: Outcome) -> None:
    assert state(after(outcome)) is BreakerState.OPEN


def test_a_breaker_is_half_open_after_its_back_off_and_a_model_closes_it() -> None:
    opened = after(UNREACHABLE)
    assert state(opened, 7) is BreakerState.HALF_OPEN
    closed = after_outcome(opened, MADE, NOW + timedelta(seconds=9))
    assert state(closed, 9) is BreakerState.CLOSED
    assert state(after(FAILED, endpoint=closed)) is BreakerState.CLOSED, "its past is forgiven"


def test_each_failure_while_half_open_lengthens_the_back_off_up_to_its_maximum() -> None:
    endpoint, pauses = GPU, []
    for _ in range(8):
        endpoint = after(UNREACHABLE, endpoint=endpoint)
        pauses.append(pause_s(endpoint))
    for pause, step in zip(pauses, (5, 10, 20, 40, 50, 50, 50, 50), strict=True):
        assert step <= pause <= step * 1.2
    assert max(pauses) <= ENDPOINT_BACKOFF.maximum.total_seconds() == 60


def test_back_offs_of_endpoints_that_failed_together_do_not_end_together() -> None:
    pauses = {back_off(f"gpu-{n}", 4) for n in range(10)}
    assert len(pauses) == 10
    assert max(pauses) - min(pauses) <= timedelta(seconds=8)


def test_a_back_off_that_a_clock_set_back_made_hours_long_does_not_count() -> None:
    assert state(after(UNREACHABLE), after_s=-3 * 3600) is BreakerState.HALF_OPEN


def test_a_failed_probe_opens_the_breaker_and_a_good_one_has_the_endpoint_tried_at_once() -> None:
    opened = after_probe(GPU, REFUSED, NOW)
    assert state(opened) is BreakerState.OPEN
    back = after_probe(opened, WELL, NOW + SOON)
    assert back.breaker.state(NOW + SOON) is BreakerState.HALF_OPEN


def test_a_breaker_stays_open_as_long_as_probes_fail() -> None:
    endpoint = GPU
    for second in range(60):
        endpoint = after_probe(endpoint, REFUSED, NOW + timedelta(seconds=second))
        assert state(endpoint, second) is BreakerState.OPEN
    assert state(endpoint, 60 + UNREACHABLE_FOR_S) is BreakerState.HALF_OPEN, "nothing probed it any more"


def test_a_probe_that_tells_nothing_new_returns_the_same_endpoint() -> None:
    opened = after_probe(GPU, REFUSED, NOW)
    assert after_probe(opened, REFUSED, NOW + SOON) is opened
    assert after_probe(GPU, WELL, NOW) is GPU


def test_a_good_probe_does_not_end_the_back_off_of_an_endpoint_that_makes_no_models() -> None:
    opened = after(*[FAILED] * FAILURES_TO_TRIP)
    assert after_probe(opened, WELL, NOW + SOON) is opened


def test_a_failed_probe_does_not_shorten_a_back_off() -> None:
    opened = after(*[FAILED] * (FAILURES_TO_TRIP + 6))
    assert pause_s(after_probe(opened, REFUSED, NOW)) == pause_s(opened)
