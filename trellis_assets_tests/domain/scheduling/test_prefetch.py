"""How far pulls run ahead: a free endpoint never waits, and no task grows stale."""

from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_assets.domain.endpoints.breaker import Breaker
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.scheduling.prefetch import (
    LONGEST_START_S,
    MOST_AHEAD_PER_ENDPOINT,
    SPARE_S,
    START_S,
    ActiveTask,
    OtherMinerDemand,
    Pace,
    competing_tasks,
    lead_s,
    poll_count,
    prefetch_count,
    task_share,
)
from trellis_assets.domain.tasks import TaskState
from trellis_assets.testing.fakes import MINER, NOW

PACE = Pace(generation_s=60.0, lead_s=2.0)


WORKING = tuple(f"gpu-{n}" for n in range(8))


def active_task(key: int, state: TaskState = TaskState.PULLED) -> ActiveTask:
    return ActiveTask(key, MINER, "5Validator1", state)


def wanted(waiting: int = 0, *busy_for_s: float, endpoints: int = 1, pace: Pace = PACE) -> int:
    pool = [Endpoint(name) for name in WORKING[:endpoints]]
    for index, seconds in enumerate(busy_for_s):
        pool[index] = replace(pool[index], held_by=100 + index, began_at=NOW - timedelta(seconds=seconds))
    return prefetch_count([active_task(key) for key in range(waiting)], pool, pace=pace, now=NOW)


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


def test_each_endpoint_is_pulled_for_at_its_own_pace() -> None:
    began = NOW - timedelta(seconds=4)
    fast = Endpoint("fast", recent_s=(5.0,), held_by=1, began_at=began)
    slow = replace(fast, name="slow", recent_s=(60.0,), held_by=2)
    assert prefetch_count([], [fast, slow], pace=PACE, now=NOW) == 1
    assert prefetch_count([], [slow], pace=PACE, now=NOW) == 0


RESTING = Endpoint("resting", Breaker(3, 1, open_until=NOW + timedelta(seconds=5)))
ON_TRIAL = Endpoint("on trial", Breaker(3, 1, open_until=NOW))


def test_nothing_is_pulled_for_an_endpoint_that_rests() -> None:
    assert prefetch_count([], [RESTING], pace=PACE, now=NOW) == 0
    assert prefetch_count([], [RESTING, Endpoint("well")], pace=PACE, now=NOW) == 1


def test_an_endpoint_that_is_half_open_gets_one_task_however_fast_it_was() -> None:
    assert prefetch_count([], [replace(ON_TRIAL, recent_s=(0.1,))], pace=PACE, now=NOW) == 1
    assert prefetch_count([active_task(1)], [ON_TRIAL], pace=PACE, now=NOW) == 0
    assert prefetch_count([], [replace(ON_TRIAL, held_by=1)], pace=PACE, now=NOW) == 0


def test_a_task_that_failed_elsewhere_tries_an_endpoint_before_a_new_one_is_pulled_for_it() -> None:
    failed = active_task(1, TaskState.GENERATING)
    assert prefetch_count([failed], [ON_TRIAL], pace=PACE, now=NOW) == 0
    at_work = Endpoint("well", held_by=1, began_at=NOW)
    assert prefetch_count([failed], [ON_TRIAL, at_work], pace=PACE, now=NOW) == 1, "it is not waiting"


OURS = ("a", "b")


def test_tasks_of_miners_with_the_same_endpoints_come_before_ours() -> None:
    same = OtherMinerDemand(3, frozenset(OURS))
    assert competing_tasks([same, OtherMinerDemand(1, frozenset({"a"}))], OURS) == 4


def test_miners_with_other_endpoints_do_not_count() -> None:
    assert competing_tasks([OtherMinerDemand(3, frozenset({"c"}))], OURS) == 0
    assert competing_tasks([], OURS) == 0


def test_a_miner_with_more_endpoints_sends_ours_their_share_of_its_tasks() -> None:
    assert competing_tasks([OtherMinerDemand(4, frozenset("abcd"))], OURS) == 2
    assert competing_tasks([OtherMinerDemand(1, frozenset("abcd"))], OURS) == 1, (
        "the one it has may come to ours"
    )


def test_a_miner_of_whom_nothing_is_known_may_have_ours() -> None:
    assert competing_tasks([OtherMinerDemand(2, None)], OURS) == 2


def test_the_lead_is_what_most_pulls_and_starts_take() -> None:
    assert lead_s(0.2, [0.1, 0.1, 0.2], 0.0) == pytest.approx(0.4 + SPARE_S)
    assert lead_s(0.2, [0.1, 0.1, 0.2, 5.0], 5.0) == pytest.approx(10.2 + SPARE_S)


def test_without_experience_the_lead_is_a_guess() -> None:
    assert lead_s(None, [], 0.0) == START_S


def test_runs_that_hang_do_not_make_pulls_run_far_ahead() -> None:
    assert lead_s(3600.0, [], 0.0) == LONGEST_START_S


def test_without_experience_every_pull_is_expected_to_bring_a_task() -> None:
    assert task_share([]) == 1
    assert poll_count(2, task_share([]), most=8) == 2


def test_the_fewer_pulls_bring_a_task_the_more_are_made_at_a_time() -> None:
    assert task_share([True, True, True]) == 1
    assert poll_count(1, task_share([False]), most=8) == 2
    assert poll_count(1, task_share([False] * 19), most=8) == 8, "no more than all may bring"
    assert poll_count(0, task_share([False] * 19), most=8) == 0
    assert poll_count(1, 1.0, most=-2) == 0
