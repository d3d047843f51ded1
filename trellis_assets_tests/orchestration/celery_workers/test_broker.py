"""A real Redis as the broker of runs: what it holds when it is killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from trellis_assets.orchestration.celery_workers import launcher as module
from trellis_assets.orchestration.celery_workers.launcher import WorkerQueuesLauncher
from trellis_assets.testing.redis_server import RedisServer


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, is_durable=True)
    yield server
    server.close()


def waiting(app: Celery) -> int:
    """Return messages that no worker has taken yet."""
    with app.connection_for_read() as connection:
        return int(connection.default_channel.queue_declare("mining", passive=True).message_count)


def told(launcher: WorkerQueuesLauncher) -> str:
    """Why no run can be executed; empty when one can."""
    return launcher.problem(["mining"]) or ""


def test_a_run_that_waits_in_a_broker_that_is_killed_waits_there_when_it_is_back(
    broker: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TRY_EVERY_S", 0.0)
    launcher = WorkerQueuesLauncher("mining", broker=broker.url, backend=broker.url)
    assert "worker" in told(launcher), "the broker is there, and nobody else"
    launcher.celery.send_task("execute_job", queue="mining")
    broker.kill()
    assert "broker" in told(launcher)
    broker.start()
    assert "broker" not in told(launcher)
    assert waiting(launcher.celery) == 1
