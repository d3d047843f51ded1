"""Where a run waits for a worker, and before which others."""

from datetime import timedelta

from trellis_assets.domain.scheduling.priority import ORGANIC_LIFE
from trellis_assets.domain.scheduling.worker_queues import queue_for, run_priority


def test_tasks_are_spread_over_the_queues() -> None:
    assert [queue_for(key, 0, ["a", "b", "c"]) for key in range(6)] == ["a", "b", "c", "a", "b", "c"]


def test_another_attempt_goes_to_another_queue() -> None:
    assert {queue_for(7, attempt, ["a", "b"]) for attempt in (0, 1)} == {"a", "b"}


def test_one_queue_takes_everything() -> None:
    assert queue_for(7, 3, ["a"]) == "a"


def test_more_stake_comes_first() -> None:
    assert run_priority(50_000, 50_000) == 0
    assert run_priority(25_000, 50_000) in {4, 5}
    assert run_priority(10, 50_000) == 9


def test_a_run_that_is_started_anew_comes_before_others_the_nearer_its_deadline() -> None:
    fresh, late = run_priority(10, 50_000), run_priority(10, 50_000, ORGANIC_LIFE * 0.9)
    assert late == 1 < run_priority(10, 50_000, ORGANIC_LIFE / 2) < fresh


def test_past_its_deadline_a_task_is_not_urgent_any_more() -> None:
    assert run_priority(10, 50_000, ORGANIC_LIFE * 2) == run_priority(10, 50_000)
    assert run_priority(10, 50_000, timedelta(seconds=-5)) == 9, "nor by a clock that was set back"


def test_a_task_without_a_validator_comes_last() -> None:
    assert run_priority(0, 50_000) == run_priority(5, 0) == 9
