"""A miner and its Celery workers, each with a folder of its own, as on machines of their own."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.tasks import UNFINISHED_STATES
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets.testing.waiting import wait_until


class Cluster:
    """Commands of the product that run with one environment until `close`.

    Args:
        folder: of the cluster; each command has one in it, and its log.
        settings: `TRELLIS_…` variables, the store's URL among them.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.store_url = settings["TRELLIS_DATABASE_URL"]
        clean = clean_environment()
        self.environment = clean | dict(settings)
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
        counts = store.statistics.count_by_state()
        store.close()
        return sum(count for state, count in counts.items() if state not in UNFINISHED_STATES)

    def wait_finished(self, least: int, timeout_s: float = 300) -> None:
        deadline = time.monotonic() + timeout_s
        while self.finished() < least:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.5)

    def wait_for_line(self, log: Path, text: str) -> None:
        wait_until(lambda: log.exists() and text in log.read_text(), f"{log} says {text!r}")

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
