"""A command that an operator has started: killed by SIGKILL, started again."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ended:
    """A service that ended by itself, and was started again.

    Attributes:
        is_fault: it had no reason to; one that starts while its database is away has.
    """

    service: str
    code: int | None
    is_fault: bool


@dataclass
class Service:
    """`trellis-assets` with a command, on a data folder of its own.

    Attributes:
        environment: all of it.
    """

    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self) -> None:
        """Start the command, also again."""
        program = [sys.executable, "-m", "trellis_assets.cli", *self.command]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*program, "--data-dir", str(self.folder)],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    @property
    def name(self) -> str:
        """Return the name of the folder."""
        return self.folder.name

    @property
    def log(self) -> Path:
        """Return the path of its output."""
        return self.folder / f"{self.command[0]}.log"

    @property
    def is_alive(self) -> bool:
        """Return whether the process that was started runs; not its children."""
        return self.process is not None and self.process.poll() is None

    def stop(self, number: signal.Signals, timeout_s: float) -> list[str]:
        """End it by a signal, and return in words what went wrong."""
        assert self.process is not None
        if self.is_alive:
            self.process.send_signal(number)
        deadline = time.monotonic() + timeout_s
        while self.is_alive and time.monotonic() < deadline:
            time.sleep(0.2)
        code = self.process.poll()
        return [] if code == 0 else [f"the {self.name} ended with {code}: see {self.log}"]
