"""Runs for Celery's workers: where they go, and what is said when nobody hands them out."""

import time
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus
from redis.exceptions import ConnectionError as NoRedisError

from trellis_assets.orchestration.celery_workers import launcher as module
from trellis_assets.orchestration.celery_workers.launcher import WorkerQueuesLauncher
from trellis_assets.testing.fakes import NOW, a_task

AWAY = "redis://:SECRETKEY@127.0.0.1:9/0"


@pytest.fixture
def launcher() -> WorkerQueuesLauncher:
    return WorkerQueuesLauncher("mining", broker=AWAY, backend=AWAY)


def test_a_broker_that_is_away_is_told_without_its_password(launcher: WorkerQueuesLauncher) -> None:
    problem = launcher.problem(["mining"])
    assert problem is not None
    assert "TRELLIS_CELERY_BROKER" in problem
    assert "SECRETKEY" not in problem


def test_without_an_answer_all_queues_are_tried_in_turn(launcher: WorkerQueuesLauncher) -> None:
    queues = [
        launcher.routing_tags(a_task(1, attempt=attempt), ["left", "right"], 5000.0, NOW)[
            "dagster-celery/queue"
        ]
        for attempt in (0, 1)
    ]
    assert sorted(queues) == ["left", "right"]


def test_the_validator_with_the_largest_stake_comes_first(launcher: WorkerQueuesLauncher) -> None:
    tags = launcher.routing_tags(a_task(1, validator_stake=5000.0), ["mining"], 5000.0, NOW)
    assert tags == {"dagster-celery/queue": "mining", "dagster-celery/run_priority": "0"}


class Workers:
    """What `celery.control.inspect` finds; the broker is away while `in_hand` is None."""

    def __init__(self, *in_hand: str) -> None:
        self.control = self
        self.in_hand: list[str] | None = list(in_hand)

    def inspect(self, timeout: float) -> "Workers":
        return self

    def active(self) -> Mapping[str, list[dict[str, Any]]] | None:
        if self.in_hand is None:
            raise NoRedisError("Connection refused")
        return {"worker-1@host": [{"id": task_id} for task_id in self.in_hand]} if self.in_hand else None


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOST_AFTER_S", 0.05)
    monkeypatch.setattr(module, "_ANSWERS_WITHIN_S", 0.0)


def health_after_a_while(launcher: WorkerQueuesLauncher, run: dg.DagsterRun) -> WorkerStatus:
    """As Dagster's monitoring asks: again and again."""
    launcher.check_run_worker_health(run)
    time.sleep(0.1)
    return launcher.check_run_worker_health(run).status


A_RUN = dg.DagsterRun("mine_task_job", tags={"dagster-celery/task_id": "7"})


@pytest.mark.usefixtures("short_patience")
def test_a_run_that_no_worker_has_in_hand_is_known_to_be_dead(launcher: WorkerQueuesLauncher) -> None:
    launcher.celery = Workers("7", "8")
    assert health_after_a_while(launcher, A_RUN) is WorkerStatus.RUNNING
    launcher.celery = Workers("8")
    assert launcher.check_run_worker_health(A_RUN).status is WorkerStatus.RUNNING, "not at once"
    assert health_after_a_while(launcher, A_RUN) is WorkerStatus.NOT_FOUND
    launcher.celery = Workers()
    assert health_after_a_while(launcher, A_RUN) is WorkerStatus.NOT_FOUND


@pytest.mark.usefixtures("short_patience")
def test_a_run_whose_creator_died_before_it_was_marked_is_known_to_be_dead(
    launcher: WorkerQueuesLauncher,
) -> None:
    launcher.celery = Workers("8")
    assert health_after_a_while(launcher, dg.DagsterRun("mine_task_job")) is WorkerStatus.NOT_FOUND


@pytest.mark.usefixtures("short_patience")
def test_while_the_broker_is_away_no_run_is_thought_dead(launcher: WorkerQueuesLauncher) -> None:
    workers = Workers()
    workers.in_hand = None
    launcher.celery = workers
    assert health_after_a_while(launcher, A_RUN) is WorkerStatus.RUNNING
    workers.in_hand = []
    assert launcher.check_run_worker_health(A_RUN).status is WorkerStatus.RUNNING, "it may be back just now"
