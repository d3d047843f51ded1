"""Runs for Celery's workers: where they go, and what is said when nobody hands them out."""

import pytest

from trellis_assets.defs.celery_workers.launcher import WorkerQueuesLauncher
from trellis_assets_tests.fakes import a_task

AWAY = "redis://:SECRETKEY@127.0.0.1:9/0"


@pytest.fixture
def launcher() -> WorkerQueuesLauncher:
    return WorkerQueuesLauncher("mining", broker=AWAY, backend=AWAY)


def test_a_broker_that_is_away_is_told_without_its_password(launcher: WorkerQueuesLauncher) -> None:
    problem = launcher.problem()
    assert problem is not None
    assert "TRELLIS_CELERY_BROKER" in problem
    assert "SECRETKEY" not in problem


def test_without_an_answer_all_queues_are_tried_in_turn(launcher: WorkerQueuesLauncher) -> None:
    queues = [
        launcher.routing_tags(a_task(1, attempt=attempt), ["left", "right"], 5000.0)["dagster-celery/queue"]
        for attempt in (0, 1)
    ]
    assert sorted(queues) == ["left", "right"]


def test_the_validator_with_the_largest_stake_comes_first(launcher: WorkerQueuesLauncher) -> None:
    tags = launcher.routing_tags(a_task(1, validator_stake=5000.0), ["mining"], 5000.0)
    assert tags == {"dagster-celery/queue": "mining", "dagster-celery/run_priority": "0"}
