"""Which free endpoint a task gets first."""

from dataclasses import replace

from trellis_assets.domain.endpoints.endpoints import Endpoint, Probe, after_probe
from trellis_assets.domain.endpoints.selection import free_endpoints, is_any_healthy, taking_work
from trellis_assets.testing.fakes import NOW
from trellis_assets_tests.domain.endpoints.records import FAILED, MADE, SOON, UNREACHABLE, after


def at(name: str, **fields: object) -> Endpoint:
    return Endpoint(name, **fields)  # type: ignore[arg-type]


def names(*endpoints: Endpoint, tried: tuple[str, ...] = ()) -> list[str]:
    return free_endpoints(endpoints, NOW, tried)


def test_fast_endpoints_come_first_and_an_unknown_one_is_tried() -> None:
    slow, fast, new = at("slow", recent_s=(60.0,)), at("fast", recent_s=(5.0,)), at("new")
    used = replace(fast, last_used_at=NOW)
    assert names(slow, used, new) == ["new", "fast", "slow"]


def test_among_equally_fast_endpoints_the_one_that_rested_longest_comes_first() -> None:
    one = at("one", recent_s=(5.0,), last_used_at=NOW)
    two = at("two", recent_s=(5.5,), last_used_at=NOW - SOON)
    assert names(one, two) == ["two", "one"]


def test_doubtful_endpoints_come_after_healthy_ones_however_fast() -> None:
    healthy = at("healthy", recent_s=(60.0,))
    failed = after(FAILED, endpoint=at("failed", recent_s=(1.0,)))
    half_open = after_probe(after_probe(at("trial"), Probe("trial", "away"), NOW), Probe("trial"), NOW)
    assert names(half_open, failed, healthy) == ["healthy", "failed", "trial"]


def test_endpoints_where_the_task_failed_come_last() -> None:
    assert names(at("a"), at("b"), tried=("a",)) == ["b", "a"]
    assert names(at("a"), at("b"), tried=("a", "b", "b")) == ["a", "b"]


def test_busy_and_open_endpoints_are_not_offered() -> None:
    busy, opened = at("busy", held_by=7), after(UNREACHABLE, endpoint=at("open"))
    assert names(busy, opened, at("free")) == ["free"]
    assert [e.name for e in taking_work([busy, opened], NOW)] == ["busy"]


def test_an_endpoint_is_healthy_until_its_breaker_trips_and_again_after_a_model() -> None:
    assert is_any_healthy([after(FAILED)])
    assert not is_any_healthy([after(UNREACHABLE)])
    assert is_any_healthy([after(UNREACHABLE, MADE)])
