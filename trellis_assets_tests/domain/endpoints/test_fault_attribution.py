"""Whose fault an unclear answer is: decided by the endpoint's record, with values alone."""

import pytest

from trellis_assets.domain.endpoints.breaker import BreakerState, Outcome
from trellis_assets.domain.endpoints.endpoints import Endpoint, Probe, after_outcome, after_probe
from trellis_assets.domain.endpoints.fault_attribution import (
    is_failure_of_prompt,
    is_refusal_of_prompt,
    prompt_mark,
    with_mark,
)
from trellis_assets.testing.fakes import NOW

MADE = Outcome(4.0)


def refused(prompt: str) -> Outcome:
    return Outcome(0.1, "answered 422", is_unclear=True, prompt=prompt)


def after(*outcomes: Outcome) -> Endpoint:
    endpoint = Endpoint("gpu")
    for outcome in outcomes:
        endpoint = after_outcome(endpoint, outcome, NOW)
    return endpoint


@pytest.mark.parametrize(
    ("failed", "is_proven", "expected"),
    [
        ((), True, True),
        (("a",), True, True),
        (("c",), True, True),
        (("a", "b"), True, False),
        (("a", "c"), True, True),
        ((), False, False),
    ],
)
def test_an_endpoint_that_makes_models_is_believed_until_the_third_prompt_in_a_row(
    failed: tuple[str, ...], is_proven: bool, expected: bool
) -> None:
    assert is_refusal_of_prompt("c", failed, is_proven=is_proven) is expected


@pytest.mark.parametrize(
    ("failed", "is_proven", "expected"),
    [(("a",), True, True), (("a", "b"), True, False), (("b",), True, False), (("a",), False, False)],
)
def test_failures_are_the_prompts_where_no_other_prompt_failed(
    failed: tuple[str, ...], is_proven: bool, expected: bool
) -> None:
    assert is_failure_of_prompt("a", failed, is_proven=is_proven) is expected


def test_a_record_holds_each_prompt_once_and_no_more_than_it_needs() -> None:
    marks: tuple[str, ...] = ()
    for mark in "abacd":
        marks = with_mark(marks, mark)
    assert marks == ("a", "c", "d")


def test_a_mark_stands_for_its_prompt_and_shows_nothing_of_it() -> None:
    assert prompt_mark("a vase") == prompt_mark("a vase") != prompt_mark("a vasE")
    assert len(prompt_mark("\ud800" * 5000)) == 16


def test_a_believed_refusal_leaves_the_breaker_alone() -> None:
    endpoint = after(MADE, refused("a"), refused("b"))
    assert endpoint.breaker.state(NOW) is BreakerState.CLOSED
    assert (endpoint.failures, endpoint.failed_prompts) == (0, ("a", "b"))


def test_the_third_different_prompt_opens_the_breaker_and_a_model_clears_the_record() -> None:
    endpoint = after(MADE, refused("a"), refused("b"), refused("c"))
    assert endpoint.breaker.state(NOW) is BreakerState.OPEN
    made = after_outcome(endpoint, MADE, NOW)
    assert (made.failed_prompts, made.is_proven) == ((), True)
    assert made.breaker.state(NOW) is BreakerState.CLOSED


def test_one_prompt_again_and_again_does_not_open_a_new_endpoints_breaker() -> None:
    assert after(*[refused("a")] * 9).breaker.state(NOW) is BreakerState.CLOSED


def test_three_prompts_open_a_new_endpoints_breaker() -> None:
    assert after(refused("a"), refused("b"), refused("c")).breaker.state(NOW) is BreakerState.OPEN


def test_what_somebody_must_mend_opens_the_breaker_at_once() -> None:
    lasting = Outcome(0.1, "answered 404", is_lasting=True, prompt="a")
    assert after(MADE, lasting).breaker.state(NOW) is BreakerState.OPEN


def test_an_endpoint_that_was_unreachable_has_to_prove_itself_again() -> None:
    away = Outcome(0.0, "cannot be reached", is_unreachable=True, prompt="a")
    assert not after(MADE, away).is_proven
    assert not after_probe(after(MADE), Probe("gpu", "is loading"), NOW).is_proven
