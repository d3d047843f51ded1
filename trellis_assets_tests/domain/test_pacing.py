"""How far pulls run ahead: a free endpoint never waits, and no task grows stale."""

from datetime import timedelta

import pytest

from trellis_assets.domain.pacing import MOST_AHEAD_PER_ENDPOINT, Pace, TaskInHand, tasks_wanted
from trellis_assets.domain.tasks import TaskState
from trellis_assets_tests.fakes import MINER, NOW

PACE = Pace(generation_s=60.0, lead_s=2.0)


def held(state: TaskState, generating_for_s: float | None = None) -> TaskInHand:
    since = None if generating_for_s is None else NOW - timedelta(seconds=generating_for_s)
    return TaskInHand(1, MINER, "5Validator1", state, since)


def wanted(*tasks: TaskInHand, endpoints: int = 1, pace: Pace = PACE) -> int:
    return tasks_wanted(tasks, endpoints=endpoints, pace=pace, now=NOW)


def test_a_free_endpoint_wants_a_task() -> None:
    assert wanted() == 1
    assert wanted(endpoints=3) == 3


def test_a_waiting_task_is_enough_for_a_free_endpoint() -> None:
    assert wanted(held(TaskState.PULLED)) == 0


def test_tasks_past_their_generation_do_not_hold_up_pulls() -> None:
    states = (TaskState.GENERATED, TaskState.VALIDATING, TaskState.SUBMITTING, TaskState.UNSETTLED)
    assert wanted(*(held(state) for state in states)) == 1


def test_nothing_is_pulled_that_would_only_wait() -> None:
    assert wanted(held(TaskState.GENERATING, generating_for_s=10)) == 0


def test_the_next_task_is_pulled_just_before_the_endpoint_is_free() -> None:
    assert wanted(held(TaskState.GENERATING, generating_for_s=57.9)) == 0
    assert wanted(held(TaskState.GENERATING, generating_for_s=58.1)) == 1


def test_a_generation_that_takes_longer_than_ever_holds_back_one_task_at_most() -> None:
    overdue = held(TaskState.GENERATING, generating_for_s=200)
    assert wanted(overdue) == 1
    assert wanted(overdue, held(TaskState.PULLED)) == 0


def test_generations_shorter_than_the_way_to_them_are_pulled_for_in_advance() -> None:
    fast = Pace(generation_s=0.5, lead_s=2.0)
    assert wanted(pace=fast) == 5
    assert wanted(pace=Pace(generation_s=0.0, lead_s=2.0)) == MOST_AHEAD_PER_ENDPOINT


def test_without_experience_one_task_per_endpoint_is_pulled() -> None:
    unknown = Pace(generation_s=None, lead_s=2.0)
    assert wanted(endpoints=2, pace=unknown) == 2
    assert wanted(held(TaskState.GENERATING, 1.0), held(TaskState.PULLED), endpoints=1, pace=unknown) == 0


@pytest.mark.parametrize("dead", [1, 5])
def test_leases_of_dead_workers_do_not_count_as_endpoints(dead: int) -> None:
    tasks = [held(TaskState.GENERATING, generating_for_s=500)] * dead
    assert wanted(*tasks, held(TaskState.GENERATING, generating_for_s=1)) <= 1
