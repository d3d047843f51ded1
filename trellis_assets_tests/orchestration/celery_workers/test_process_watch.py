"""A Celery worker's processes: the stuck are replaced, and those that wait for an answer take no place."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from celery import Celery

from trellis_assets.domain.heartbeats import WORKER_SILENT_AFTER_S, Stage
from trellis_assets.orchestration.celery_workers.process_watch import Processes
from trellis_assets.supervisor.process_tree import die_with_parent
from trellis_assets.testing.redis_server import RedisServer
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.orchestration.celery_workers import a_watched_worker
from trellis_assets_tests.orchestration.celery_workers.a_watched_worker import QUEUE, worker

if TYPE_CHECKING:
    from celery.result import AsyncResult

BOUNDS = {Stage.GENERATING: 300.0}


def told(*lines: str) -> Processes:
    processes = Processes(BOUNDS)
    for line in lines:
        processes.hear(line)
    return processes


def test_a_process_longer_at_a_stage_than_it_may_take_is_stuck() -> None:
    processes = told("7 100.0 generating", "7 399.0 beat", "8 100.0 running", "8 399.0 beat")
    assert processes.stuck(399.9) == {}
    processes.hear("7 401.0 beat")
    assert processes.stuck(401.0) == {7: "generating for 301 s, longer than 300 s"}
    processes.hear("7 402.0 validating")
    assert processes.stuck(402.0) == {}, "it went on"


def test_a_process_without_a_heartbeat_is_stuck_whatever_it_did_last() -> None:
    processes = told("7 100.0 idle", "8 100.0 idle", "8 150.0 beat")
    now = 101.0 + WORKER_SILENT_AFTER_S
    assert list(processes.stuck(now)) == [7]


def test_after_the_worker_itself_stood_still_nobody_is_blamed_for_what_was_not_read() -> None:
    processes = told("7 100.0 generating")
    processes.trust_again(1000.0)
    assert processes.stuck(1000.0) == {}
    assert processes.stuck(1000.0 + WORKER_SILENT_AFTER_S + 1) != {}


def test_what_cannot_be_read_changes_nothing() -> None:
    processes = told("7 100.0 generating", "7", "x y z", "7 101.0 dancing", "")
    assert processes.known[7].stage is Stage.GENERATING


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Celery]:
    broker = RedisServer(tmp_path_factory.mktemp("broker"))
    command = [sys.executable, a_watched_worker.__file__, broker.url]
    process = subprocess.Popen(command, preexec_fn=die_with_parent)  # noqa: PLW1509 - one prctl call
    yield worker(broker.url)
    for member in [*psutil.Process(process.pid).children(recursive=True), process]:
        member.kill()
    process.wait()
    broker.close()


def send(app: Celery, stage: Stage, until: Path | str = "") -> "AsyncResult[int]":
    return app.send_task("stay", (str(stage), str(until)), queue=QUEUE)


def test_a_process_that_hangs_at_a_stage_is_replaced_and_the_next_run_is_executed(
    app: Celery, tmp_path: Path
) -> None:
    send(app, Stage.GENERATING, tmp_path / "never")
    assert send(app, Stage.RUNNING).get(timeout=60) > 0, "there is one place, and it is free again"


def test_processes_that_wait_for_an_answer_hold_up_no_run_and_end_when_it_has_come(
    app: Celery, tmp_path: Path
) -> None:
    answer = tmp_path / "answer"
    waiting = [send(app, Stage.SUBMITTING, answer) for _ in range(2)]
    first = send(app, Stage.RUNNING).get(timeout=60)
    assert not any(result.ready() for result in waiting)
    answer.touch()
    pids = {result.get(timeout=60) for result in waiting} | {first}
    assert len(pids) == 3, "one place, and two for those that wait"
    wait_until(lambda: sum(psutil.pid_exists(pid) for pid in pids) == 1, "the two more are gone", 30)
