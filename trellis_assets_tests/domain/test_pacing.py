"""How far pulls run ahead: a free endpoint never waits, and no task grows stale."""

from datetime import timedelta

from trellis_assets.domain.pacing import MOST_AHEAD_PER_ENDPOINT, Pace, tasks_wanted
from trellis_assets_tests.fakes import NOW

PACE = Pace(generation_s=60.0, lead_s=2.0)


def wanted(waiting: int = 0, *busy_for_s: float, endpoints: int = 1, pace: Pace = PACE) -> int:
    since = [NOW - timedelta(seconds=seconds) for seconds in busy_for_s]
    return tasks_wanted(waiting, since, endpoints=endpoints, pace=pace, now=NOW)


def test_a_free_endpoint_wants_a_task() -> None:
    assert wanted() == 1
    assert wanted(endpoints=3) == 3


def test_a_waiting_task_is_enough_for_a_free_endpoint() -> None:
    assert wanted(1) == 0


def test_nothing_is_pulled_that_would_only_wait() -> None:
    assert wanted(0, 10) == 0


def test_the_next_task_is_pulled_just_before_the_endpoint_is_free() -> None:
    assert wanted(0, 57.9) == 0
    assert wanted(0, 58.1) == 1


def test_a_generation_that_takes_longer_than_ever_holds_back_one_task_at_most() -> None:
    assert wanted(0, 200) == 1
    assert wanted(1, 200) == 0


def test_generations_shorter_than_the_way_to_them_are_pulled_for_in_advance() -> None:
    fast = Pace(generation_s=0.5, lead_s=2.0)
    assert wanted(pace=fast) == 5
    assert wanted(pace=Pace(generation_s=0.0, lead_s=2.0)) == MOST_AHEAD_PER_ENDPOINT


def test_without_experience_one_task_per_endpoint_is_pulled() -> None:
    unknown = Pace(generation_s=None, lead_s=2.0)
    assert wanted(endpoints=2, pace=unknown) == 2
    assert wanted(1, 1.0, pace=unknown) == 0
