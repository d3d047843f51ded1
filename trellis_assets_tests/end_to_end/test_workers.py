"""Runs in Celery workers over PostgreSQL and Redis: workers come and go while a miner mines."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from trellis_assets.adapters.local_subnet.state import read_decisions
from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.tasks import UNFINISHED_STATES
from trellis_assets_tests.postgres import PostgresServer
from trellis_assets_tests.redis_server import PASSWORD, RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280), pytest.mark.xdist_group("end_to_end")]

TASKS = 12
ANSWERS = {"accepted", "rejected", "handed_back", "bad_signature", "scoring_failed"}


class Site:
    """A miner and its workers, each with a folder of its own, as on machines of their own."""

    def __init__(self, folder: Path, postgres: PostgresServer, broker: RedisServer) -> None:
        self.folder = folder
        self.store_url = postgres.migrated_database()
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TRELLIS_", "DAGSTER_"))}
        self.environment = clean | {
            "TRELLIS_DATABASE_URL": self.store_url,
            "TRELLIS_DAGSTER_DATABASE_URL": postgres.empty_database(),
            "TRELLIS_FILES_URL": f"file://{folder / 'models'}",
            "TRELLIS_RUN_LAUNCHER": "celery",
            "TRELLIS_CELERY_BROKER": broker.url,
            "TRELLIS_CELERY_QUEUES": "left,right",
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "trellis_assets.cli", *command, "--data-dir", str(home)],
                env=self.environment,
                cwd=home,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def worker(self, name: str, queues: str) -> subprocess.Popen[bytes]:
        return self.start(name, "worker", "--queues", queues, "--concurrency", "2", "--name", name)

    def finished(self) -> int:
        store = open_store(self.store_url)
        counts = store.count_by_state()
        store.close()
        return sum(count for state, count in counts.items() if state not in UNFINISHED_STATES)

    def wait_finished(self, least: int, timeout_s: float = 120) -> None:
        deadline = time.monotonic() + timeout_s
        while self.finished() < least:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.5)

    def said(self) -> str:
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in self.folder.glob("*.log"))

    def close(self) -> None:
        for process in self.processes:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started, at once."""
    if process.poll() is None:
        for member in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            member.kill()
    process.wait()


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[[], Site]]:
    postgres, broker = PostgresServer(), RedisServer(tmp_path / "broker")
    opened: list[Site] = []

    def open_one() -> Site:
        opened.append(Site(tmp_path, postgres, broker))
        return opened[-1]

    yield open_one
    for site in opened:
        site.close()
    broker.close()
    postgres.close()


def test_workers_come_and_die_and_every_task_is_answered_once(open_site: Callable[[], Site]) -> None:
    site = open_site()
    doomed = site.worker("doomed", "left")
    miner = site.start("miner", "mine", "--no-validate", "--json", "--tasks", str(TASKS))
    site.wait_finished(2)
    site.worker("newcomer", "left,right")
    kill(doomed)
    assert miner.wait(200) == 0, site.said()
    statistics = json.loads((site.folder / "miner.log").read_text().splitlines()[-1])
    session = statistics["session_stats"]
    assert session["tasks_pulled"] == session["tasks_processed"] == TASKS
    decisions = read_decisions(site.folder / "miner" / "subnet" / "validators.jsonl")
    answered = Counter(d["task_id"] for d in decisions if d["event"] in ANSWERS)
    assert max(answered.values()) == 1, "no task was answered twice"
    assert len(answered) + session["unknown_submissions"] >= TASKS
    written = [path for name in ("miner", "newcomer") for path in (site.folder / name).rglob("*.yaml")]
    assert written
    assert not any(PASSWORD in path.read_text() for path in written), "the broker's password is in no file"


def test_a_worker_that_cannot_work_says_so(open_site: Callable[[], Site]) -> None:
    site = open_site()
    del site.environment["TRELLIS_CELERY_BROKER"]
    worker = site.worker("lost", "left")
    assert worker.wait(60) == 2
    assert "TRELLIS_CELERY_BROKER" in site.said()
