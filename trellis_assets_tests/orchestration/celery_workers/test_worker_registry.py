"""Real workers at a real Redis: who is there is known, who left is missed, nobody waits for the answers."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery

from trellis_assets.diagnostics.doctor import examine
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.orchestration.celery_workers import launcher as launchers
from trellis_assets.orchestration.celery_workers import worker_registry as module
from trellis_assets.orchestration.celery_workers.launcher import WorkerQueuesLauncher
from trellis_assets.orchestration.celery_workers.worker_registry import WorkerRegistry
from trellis_assets.settings import RunLauncherName, Settings
from trellis_assets.supervisor.process_tree import die_with_parent
from trellis_assets.testing.fakes import NOW, a_task
from trellis_assets.testing.redis_server import PASSWORD, RedisServer
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.orchestration.celery_workers import a_worker

QUEUES = ("left", "right")
Hire = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("broker"))
    yield server
    server.close()


@pytest.fixture
def hire(broker: RedisServer) -> Iterator[Hire]:
    workers: list[subprocess.Popen[bytes]] = []

    def one(queues: str, concurrency: int = 1) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            a_worker.__file__,
            broker.url,
            queues,
            str(concurrency),
            f"w{len(workers)}",
        ]
        workers.append(subprocess.Popen(command, preexec_fn=die_with_parent))  # noqa: PLW1509 - one prctl call
        return workers[-1]

    yield one
    for worker in workers:
        worker.kill()
        worker.wait()


@pytest.fixture
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_EVERY_S", 0.0)
    monkeypatch.setattr(module, "GONE_AFTER_S", 4.0)


@pytest.mark.usefixtures("quick_checks")
def test_a_worker_that_comes_is_known_and_one_that_leaves_is_missed(broker: RedisServer, hire: Hire) -> None:
    launcher = WorkerQueuesLauncher("left", broker=broker.url, backend=broker.url)
    assert "start one with `trellis-assets worker`" in (launcher.problem(QUEUES) or "")
    worker = hire("right")
    wait_until(lambda: launcher.problem(QUEUES) is None)
    for key in (1, 2):
        assert launcher.routing_tags(a_task(key), QUEUES, 0.0, NOW)["dagster-celery/queue"] == "right"
    worker.kill()
    wait_until(lambda: launcher.problem(QUEUES) is not None)


def test_nobody_waits_for_a_broker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launchers, "_TRY_EVERY_S", 1000.0)
    asked: list[float] = []

    def slowly(app: Celery, within_s: float = 0) -> dict[str, frozenset[str]]:
        asked.append(time.monotonic())
        time.sleep(0.5)
        raise OSError("no route")

    monkeypatch.setattr(module, "served_queues", slowly)
    workforce = WorkerRegistry(Celery())
    for _ in range(100):
        assert workforce.serves(QUEUES) == []
    assert len(asked) == 1, "one look at a time, and the next one later"


def workers_of(folder: Path, broker_url: str) -> CheckResult:
    settings = Settings.load(
        data_dir=folder,
        run_launcher=RunLauncherName.CELERY,
        celery_broker=broker_url,
        celery_queues=",".join(QUEUES),
    )
    (result,) = [found for found in examine(settings, reads_key=False) if found.part == "workers"]
    return result


def test_the_doctor_tells_of_workers_that_are_missing(
    broker: RedisServer, hire: Hire, tmp_path: Path
) -> None:
    nobody = workers_of(tmp_path, broker.url)
    assert (nobody.health, nobody.text) == (Health.FAILED, "no worker executes runs of left, right")
    hire("left", 2)
    wait_until(lambda: workers_of(tmp_path, broker.url).health is Health.WARNING)
    assert workers_of(tmp_path, broker.url).text == "2 runs at a time in 1 worker, and none serves right"


def test_the_doctor_tells_a_broker_that_is_away_without_its_password(tmp_path: Path) -> None:
    result = workers_of(tmp_path, f"redis://:{PASSWORD}@127.0.0.1:9/0")
    assert result.health is Health.FAILED
    assert "TRELLIS_CELERY_BROKER" in result.advice
    assert PASSWORD not in result.text + result.advice
