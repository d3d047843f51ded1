"""What the doctor says of the generator and of each endpoint that is not well."""

from datetime import timedelta

from trellis_assets.domain.diagnostics import Health, judge_generator, worst
from trellis_assets.domain.endpoints.breaker import Breaker
from trellis_assets.domain.endpoints.endpoints import Endpoint, Probe, after_probe
from trellis_assets.testing.fakes import NOW

WELL, FAILING = Endpoint("a"), Endpoint("b", Breaker(2), last_error="answered 500")
RESTING = Endpoint("b", Breaker(3, 1, NOW + timedelta(seconds=9)), last_error="answered 500")


def test_a_generator_that_is_well_is_one_line() -> None:
    (result,) = judge_generator("http 1", [Probe("a")], [WELL], NOW)
    assert (result.part, result.health) == ("generator", Health.OK)


def test_each_endpoint_that_is_not_well_has_a_line_and_the_miner_goes_on() -> None:
    probes = [Probe("a"), Probe("b"), Probe("c", "c cannot be reached")]
    results = judge_generator("http 1", probes, [WELL, FAILING, Endpoint("c")], NOW)
    assert [s.part for s in results] == ["generator", "endpoint", "endpoint"]
    assert "1 of 3" in results[0].text
    assert "answered 500" in results[1].text
    assert "cannot be reached" in results[2].text
    assert all(s.advice for s in results[1:])
    assert worst(results) is Health.WARNING


def test_a_generator_of_which_nothing_takes_work_has_failed() -> None:
    resting = judge_generator("http 1", [Probe("b")], [RESTING], NOW)
    assert worst(resting) is Health.FAILED
    assert "b is resting until 12:00:09 UTC" in resting[0].text
    away = judge_generator("http 1", [Probe("a", "a cannot be reached")], [WELL], NOW)
    assert worst(away) is Health.FAILED


def test_an_endpoint_that_was_unreachable_and_answers_again_is_healthy() -> None:
    away = after_probe(WELL, Probe("a", "a cannot be reached"), NOW)
    (result,) = judge_generator("http 1", [Probe("a")], [away], NOW)
    assert result.health is Health.OK


def test_a_generator_is_judged_by_its_probes_while_the_store_is_away() -> None:
    assert worst(judge_generator("http 1", [Probe("a")], [], NOW)) is Health.OK
