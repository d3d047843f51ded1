"""Breakers and the choice among endpoints: who is left alone, for how long, and who is asked first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_assets.domain.endpoints.endpoints import (
    AWAY_FOR_S,
    COSTLY_FAILURE_S,
    FAILURES_TO_OPEN,
    FIRST_BACKOFF_S,
    MAX_BACKOFF_S,
    PACE_OVER,
    SPREAD,
    BreakerState,
    Endpoint,
    Outcome,
    Probe,
    after_outcome,
    after_probe,
    free_endpoints,
    is_any_well,
    rest_s,
    taking_work,
    why_none_is_ready,
    why_none_takes_work,
)
from trellis_assets.testing.fakes import NOW

GPU = Endpoint("gpu")
FAILED = Outcome(1.0, "answered 500")
AWAY = Outcome(0.0, "cannot be reached", is_unreachable=True)
MADE = Outcome(4.0)
REFUSED, WELL = Probe("gpu", "cannot be reached"), Probe("gpu")
SOON = timedelta(seconds=1)


def after(*outcomes: Outcome, endpoint: Endpoint = GPU) -> Endpoint:
    for outcome in outcomes:
        endpoint = after_outcome(endpoint, outcome, NOW)
    return endpoint


def rest_of(endpoint: Endpoint) -> float:
    assert endpoint.breaker.open_until is not None
    return (endpoint.breaker.open_until - NOW).total_seconds()


def state(endpoint: Endpoint, after_s: float = 0) -> BreakerState:
    return endpoint.breaker.state(NOW + timedelta(seconds=after_s))


def test_only_failures_in_a_row_open_a_breaker() -> None:
    almost = [FAILED] * (FAILURES_TO_OPEN - 1)
    assert state(after(*almost, MADE, *almost)) is BreakerState.CLOSED
    assert state(after(*almost, FAILED)) is BreakerState.OPEN


@pytest.mark.parametrize("outcome", [AWAY, Outcome(COSTLY_FAILURE_S, "timed out")])
def test_one_failure_that_tells_enough_opens_a_breaker(outcome: Outcome) -> None:
    assert state(after(outcome)) is BreakerState.OPEN


def test_after_its_rest_a_breaker_is_half_open_and_a_model_closes_it() -> None:
    opened = after(AWAY)
    assert state(opened, FIRST_BACKOFF_S + 1) is BreakerState.HALF_OPEN
    closed = after_outcome(opened, MADE, NOW + timedelta(seconds=9))
    assert state(closed, 9) is BreakerState.CLOSED
    assert state(after(FAILED, endpoint=closed)) is BreakerState.CLOSED, "its past is forgiven"


def test_each_failure_while_half_open_makes_the_rest_longer_up_to_a_bound() -> None:
    endpoint, rests = GPU, []
    for _ in range(8):
        endpoint = after(AWAY, endpoint=endpoint)
        rests.append(rest_of(endpoint))
    assert rests[:4] == sorted(rests[:4])
    assert rests[0] <= FIRST_BACKOFF_S < rests[1]
    assert max(rests) <= MAX_BACKOFF_S
    assert min(rests[4:]) >= MAX_BACKOFF_S * (1 - SPREAD)


def test_rests_of_endpoints_that_failed_together_do_not_end_together() -> None:
    rests = {rest_s(f"gpu-{n}", 3) for n in range(10)}
    assert len(rests) == 10
    assert max(rests) - min(rests) <= FIRST_BACKOFF_S * 8 * SPREAD


def test_a_rest_that_a_clock_set_back_made_hours_long_does_not_count() -> None:
    assert state(after(AWAY), after_s=-3 * 3600) is BreakerState.HALF_OPEN


def test_who_is_seen_away_is_not_asked_and_who_is_back_is_tried_at_once() -> None:
    away = after_probe(GPU, REFUSED, NOW)
    assert state(away) is BreakerState.OPEN
    back = after_probe(away, WELL, NOW + SOON)
    assert back.breaker.state(NOW + SOON) is BreakerState.HALF_OPEN


def test_who_stays_away_stays_open_as_long_as_that_is_seen() -> None:
    endpoint = GPU
    for second in range(60):
        endpoint = after_probe(endpoint, REFUSED, NOW + timedelta(seconds=second))
        assert state(endpoint, second) is BreakerState.OPEN
    assert state(endpoint, 60 + AWAY_FOR_S) is BreakerState.HALF_OPEN, "nobody looked any more"


def test_a_look_that_tells_nothing_new_changes_nothing() -> None:
    away = after_probe(GPU, REFUSED, NOW)
    assert after_probe(away, REFUSED, NOW + SOON) is away
    assert after_probe(GPU, WELL, NOW) is GPU


def test_a_healthy_door_does_not_end_the_rest_of_one_that_makes_no_models() -> None:
    opened = after(*[FAILED] * FAILURES_TO_OPEN)
    assert after_probe(opened, WELL, NOW + SOON) is opened


def test_a_look_does_not_shorten_a_rest() -> None:
    opened = after(*[FAILED] * (FAILURES_TO_OPEN + 6))
    assert rest_of(after_probe(opened, REFUSED, NOW)) == rest_of(opened)


def test_counts_pace_and_the_last_error_are_kept() -> None:
    endpoint = after(MADE, FAILED, Outcome(6.0), Outcome(900.0, "timed out"), Outcome(5.0))
    assert (endpoint.generations, endpoint.failures, endpoint.generation_s) == (3, 2, 15.0)
    assert (endpoint.pace_s, endpoint.last_error) == (5.0, "timed out")
    assert (endpoint.last_failed_at, endpoint.last_succeeded_at) == (NOW, NOW)
    assert after(*[Outcome(1.0)] * PACE_OVER, endpoint=endpoint).recent_s == (1.0,) * PACE_OVER


def at(name: str, **fields: object) -> Endpoint:
    return Endpoint(name, **fields)  # type: ignore[arg-type]


def names(*endpoints: Endpoint, tried: tuple[str, ...] = ()) -> list[str]:
    return free_endpoints(endpoints, NOW, tried)


def test_the_fast_endpoints_come_first_and_one_that_nobody_knows_is_tried() -> None:
    slow, fast, new = at("slow", recent_s=(60.0,)), at("fast", recent_s=(5.0,)), at("new")
    used = replace(fast, last_used_at=NOW)
    assert names(slow, used, new) == ["new", "fast", "slow"]


def test_among_equally_fast_ones_who_rested_longest_comes_first() -> None:
    one = at("one", recent_s=(5.0,), last_used_at=NOW)
    two = at("two", recent_s=(5.5,), last_used_at=NOW - SOON)
    assert names(one, two) == ["two", "one"]


def test_doubtful_endpoints_come_after_healthy_ones_however_fast() -> None:
    healthy = at("healthy", recent_s=(60.0,))
    failed = after(FAILED, endpoint=at("failed", recent_s=(1.0,)))
    on_trial = after_probe(after_probe(at("trial"), Probe("trial", "away"), NOW), Probe("trial"), NOW)
    assert names(on_trial, failed, healthy) == ["healthy", "failed", "trial"]


def test_where_a_task_failed_comes_last() -> None:
    assert names(at("a"), at("b"), tried=("a",)) == ["b", "a"]
    assert names(at("a"), at("b"), tried=("a", "b", "b")) == ["a", "b"]


def test_who_is_busy_or_open_is_no_choice() -> None:
    busy, opened = at("busy", held_by=7), after(AWAY, endpoint=at("open"))
    assert names(busy, opened, at("free")) == ["free"]
    assert [e.name for e in taking_work([busy, opened], NOW)] == ["busy"]


def test_why_nothing_can_be_generated_is_said_only_when_all_are_out() -> None:
    resting, away = after(*[FAILED] * 3), after(AWAY, endpoint=at("other"))
    text = why_none_takes_work([resting, away], NOW) or ""
    assert "gpu rests for" in text
    assert "answered 500" in text
    assert "other takes no work: cannot be reached" in text
    assert why_none_takes_work([resting, at("well")], NOW) is None
    assert why_none_takes_work([resting], NOW + timedelta(seconds=61)) is None, "one may try it"
    assert "cannot be reached" in (why_none_is_ready([REFUSED]) or "")
    assert why_none_is_ready([REFUSED, WELL]) is None


def test_an_endpoint_is_well_until_its_breaker_opens_and_again_after_a_model() -> None:
    assert is_any_well([after(FAILED)])
    assert not is_any_well([after(AWAY)])
    assert is_any_well([after(AWAY, MADE)])
