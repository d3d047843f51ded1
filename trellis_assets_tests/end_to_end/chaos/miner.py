"""The miner under test: started as an operator does, killed as only the kernel can."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from trellis_assets_tests.end_to_end.chaos.roles import Role, role_of

# In the environment of every process of the miner, whoever its parent is by now.
MARK = "CHAOS_MARK"


def clean_environment() -> dict[str, str]:
    """This process's environment without the settings of the pipeline and of Dagster."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("TRELLIS_", "DAGSTER_"))}


@dataclass
class Miner:
    """`trellis-assets mine` on a data folder, and every process that comes of it."""

    folder: Path
    settings: Mapping[str, str]
    options: tuple[str, ...] = ("--start-server",)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """The same command, again if need be."""
        command = [sys.executable, "-m", "trellis_assets.cli", "mine", "--data-dir", str(self.folder)]
        environment = clean_environment() | dict(self.settings) | {MARK: self.mark}
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "mine.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.options],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    @property
    def is_alive(self) -> bool:
        """Whether the supervisor runs."""
        return self.process is not None and self.process.poll() is None

    def members(self) -> list[tuple[psutil.Process, Role]]:
        """Every living process of the miner with its role; orphans too."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) != self.mark or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                role = role_of(process.cmdline())
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            found.append((process, role))
        return found

    def kill_all(self) -> None:
        """No process of the miner is left, not even one that was being started."""
        for _ in range(20):
            victims = [process for process, _ in self.members()]
            for process in victims:
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
            if self.process is not None:
                self.process.wait(20)
            if not victims:
                return
            psutil.wait_procs(victims, timeout=5)

    def stop(self, timeout_s: float) -> int | None:
        """Ctrl-C, then the exit code; None if it did not end in time."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + timeout_s
        while self.is_alive and time.monotonic() < deadline:
            time.sleep(0.2)
        return self.process.poll()
