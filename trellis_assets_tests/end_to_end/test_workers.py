"""Runs in Celery workers over PostgreSQL and Redis: workers come and go while a miner mines."""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from trellis_assets.adapters.local_subnet.state import read_decisions
from trellis_assets.testing.postgres_server import PostgresServer
from trellis_assets.testing.redis_server import PASSWORD, RedisServer
from trellis_assets_tests.end_to_end.cluster import Cluster, kill

pytestmark = [pytest.mark.distributed, pytest.mark.slow, pytest.mark.timeout(900)]

TASKS = 12
ANSWERS = {"accepted", "rejected", "handed_back", "bad_signature", "scoring_failed"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "broker")
    yield server
    server.close()


@pytest.fixture
def open_cluster(tmp_path: Path, broker: RedisServer) -> Iterator[Callable[[], Cluster]]:
    postgres = PostgresServer()
    opened: list[Cluster] = []

    def open_one() -> Cluster:
        settings = {
            "TRELLIS_DATABASE_URL": postgres.migrated_database(),
            "TRELLIS_DAGSTER_DATABASE_URL": postgres.empty_database(),
            "TRELLIS_FILES_URL": f"file://{tmp_path / 'models'}",
            "TRELLIS_RUN_LAUNCHER": "celery",
            "TRELLIS_CELERY_BROKER": broker.url,
            "TRELLIS_CELERY_QUEUES": "left,right",
        }
        opened.append(Cluster(tmp_path, settings))
        return opened[-1]

    yield open_one
    for cluster in opened:
        cluster.close()
    postgres.close()


def events(cluster: Cluster) -> set[str]:
    """Of the validators' log."""
    log = cluster.folder / "miner" / "subnet" / "validators.jsonl"
    return {str(decision["event"]) for decision in read_decisions(log)} if log.exists() else set()


def every_task_was_answered_once(cluster: Cluster, tasks: int = TASKS) -> None:
    """By the miner's statistics and by the validators' log; the miner has ended."""
    statistics = json.loads((cluster.folder / "miner.log").read_text().splitlines()[-1])
    session = statistics["session_stats"]
    assert session["tasks_pulled"] == session["tasks_processed"] == tasks
    decisions = read_decisions(cluster.folder / "miner" / "subnet" / "validators.jsonl")
    answered = Counter(d["task_id"] for d in decisions if d["event"] in ANSWERS)
    assert max(answered.values()) == 1, "no task was answered twice"
    assert len(answered) + session["unknown_submissions"] >= tasks


def test_workers_come_and_die_and_every_task_is_answered_once(open_cluster: Callable[[], Cluster]) -> None:
    cluster = open_cluster()
    miner = cluster.start("miner", "mine", "--no-validate", "--json", "--tasks", str(TASKS))
    cluster.wait_for_line(
        cluster.folder / "miner" / "logs" / "daemon.log", "no worker executes runs of left, right"
    )
    assert events(cluster) == set(), "no task is taken that nobody would generate"
    doomed = cluster.worker("doomed", "left")
    cluster.wait_finished(2)
    cluster.worker("newcomer", "left,right")
    kill(doomed)
    assert miner.wait(400) == 0, cluster.said()
    assert "assigned" in events(cluster)
    every_task_was_answered_once(cluster)
    written = [path for name in ("miner", "newcomer") for path in (cluster.folder / name).rglob("*.yaml")]
    assert written
    assert not any(PASSWORD in path.read_text() for path in written), "the broker's password is in no file"


def test_a_broker_that_loses_all_that_it_holds_costs_time_and_no_task(
    open_cluster: Callable[[], Cluster], broker: RedisServer
) -> None:
    """Runs that wait in it are gone, and so are Celery's own notes of queues and workers."""
    cluster, tasks = open_cluster(), 8
    cluster.worker("one", "left,right")
    miner = cluster.start("miner", "mine", "--no-validate", "--json", "--tasks", str(tasks))
    client = redis.Redis(broker.host, broker.port, password=PASSWORD)
    for finished in (1, 3, 5):
        cluster.wait_finished(finished)
        client.flushall()
    client.close()
    assert miner.wait(400) == 0, cluster.said()
    every_task_was_answered_once(cluster, tasks)


def test_a_worker_that_stands_still_for_two_minutes_submits_nothing_twice(
    open_cluster: Callable[[], Cluster],
) -> None:
    """As a virtual machine that is paused: its leases end, others take its tasks over, it goes on."""
    cluster, tasks = open_cluster(), 8
    paused = cluster.worker("paused", "left")
    miner = cluster.start("miner", "mine", "--no-validate", "--json", "--tasks", str(tasks))
    cluster.wait_finished(1)
    members = [psutil.Process(paused.pid), *psutil.Process(paused.pid).children(recursive=True)]
    for member in members:
        member.suspend()
    stopped_at, before = time.monotonic(), cluster.finished()
    cluster.worker("other", "left,right")
    cluster.wait_finished(before + 1)
    time.sleep(max(0.0, 120 - (time.monotonic() - stopped_at)))
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.resume()
    assert miner.wait(400) == 0, cluster.said()
    every_task_was_answered_once(cluster, tasks)


def test_a_worker_that_cannot_work_says_so(open_cluster: Callable[[], Cluster]) -> None:
    cluster = open_cluster()
    del cluster.environment["TRELLIS_CELERY_BROKER"]
    worker = cluster.worker("lost", "left")
    assert worker.wait(60) == 2
    assert "TRELLIS_CELERY_BROKER" in cluster.said()
