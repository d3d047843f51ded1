"""Which waiting task gets a run: the rule that decides about lost and doubled work."""

from datetime import timedelta

import pytest

from trellis_assets.domain.scheduling.run_attempts import (
    MAX_ATTEMPTS,
    GiveUp,
    Request,
    RunStatus,
    Wait,
    next_attempt,
)
from trellis_assets.domain.tasks import TaskState
from trellis_assets.testing.fakes import NOW, a_task

LATER = NOW + timedelta(seconds=60)


def test_a_task_without_a_run_gets_one_under_its_own_number() -> None:
    assert next_attempt(a_task(), RunStatus.NONE, NOW) == Request(0)


def test_a_task_whose_request_was_lost_gets_the_same_key_again() -> None:
    task = a_task(attempt=2, requested_at=NOW - timedelta(minutes=5))
    assert next_attempt(task, RunStatus.NONE, NOW) == Request(2)


@pytest.mark.parametrize("by_its_clock", [-3600, 5, 3600])
def test_a_claimed_task_is_left_alone_whatever_its_workers_clock_says(by_its_clock: float) -> None:
    task = a_task(state=TaskState.GENERATING, run_id="r", claimed_until=NOW + timedelta(seconds=by_its_clock))
    assert next_attempt(task, RunStatus.RUNNING, NOW) == Wait()


def test_a_queued_run_is_waited_for_however_long_it_takes() -> None:
    task = a_task(requested_at=NOW - timedelta(hours=1))
    assert next_attempt(task, RunStatus.QUEUED, NOW) == Wait()


def test_a_run_that_died_holding_the_task_is_replaced_at_once() -> None:
    dead = a_task(
        state=TaskState.GENERATING,
        requested_at=NOW - timedelta(seconds=40),
        run_id="dead",
    )
    assert next_attempt(dead, RunStatus.RUNNING, NOW) == Request(1)


def test_a_started_run_has_time_to_claim_its_task() -> None:
    task = a_task(requested_at=NOW - timedelta(seconds=20))
    assert next_attempt(task, RunStatus.RUNNING, NOW) == Wait()
    assert next_attempt(task, RunStatus.RUNNING, LATER) == Request(1)


def test_a_run_that_takes_over_from_a_dead_one_has_time_to_claim_its_task() -> None:
    task = a_task(state=TaskState.GENERATING, attempt=1, requested_at=NOW)
    assert next_attempt(task, RunStatus.RUNNING, NOW + timedelta(seconds=20)) == Wait()
    assert next_attempt(task, RunStatus.RUNNING, LATER) == Request(2)


def test_attempts_that_fail_at_once_are_spread_out() -> None:
    task = a_task(attempt=4, requested_at=NOW)
    assert next_attempt(task, RunStatus.ENDED, NOW + timedelta(seconds=10)) == Wait()
    assert next_attempt(task, RunStatus.ENDED, NOW + timedelta(seconds=16)) == Request(5)


def test_a_task_is_not_given_up_because_its_runs_wait_for_a_worker() -> None:
    waiting = a_task(attempt=MAX_ATTEMPTS + 3, requested_at=NOW - timedelta(hours=1))
    assert next_attempt(waiting, RunStatus.RUNNING, NOW) == Request(MAX_ATTEMPTS + 4)


def test_a_task_that_kills_every_run_is_given_up() -> None:
    task = a_task(attempt=MAX_ATTEMPTS - 1, requested_at=NOW - timedelta(hours=1))
    assert next_attempt(task, RunStatus.ENDED, NOW) == GiveUp()
