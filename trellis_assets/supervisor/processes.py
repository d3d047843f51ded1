"""A child process of the session: start it, wait until it is ready, restart it, stop it."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.observability.log_rotation import MAX_LOG_BYTES
from trellis_assets.supervisor.errors import ChildError
from trellis_assets.supervisor.process_tree import descendants, die_with_parent, kill_all

# Before the n-th restart. With the start itself, recovery takes less than a minute.
RESTART_BACKOFF = BackoffPolicy.of_seconds(0, 1, 3, 7, 15, 20, jitter=0.0)
# A child that has lived for so long has recovered: its next death counts as the first.
HEALTHY_S = 60.0
# How often a child is started in all if it is killed before it is ready.
START_TRIES = 3
_READY_POLL_S = 0.1


@dataclass
class ChildProcess:
    """One child process with its log file.

    Attributes:
        name: for people, and of the log file.
        command: program and arguments; no shell.
        environment: the whole environment of the process.
        log: file to which its standard output and error are appended.
        is_ready: tells when it can be used.
        folder: its working directory; None for ours.
        restarts: how often it was restarted since it last lived for a minute.
        restart_at: when it may be restarted, seconds of the monotonic clock; None while it runs.
        started_at: seconds of the monotonic clock.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[[], bool] = field(default=lambda: True)
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    restart_at: float | None = None
    started_at: float = 0.0

    def start(self) -> None:
        """Start the process, in a session of its own so that a terminal's Ctrl-C does not reach it."""
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                list(self.command),
                env=dict(self.environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
            )

    def wait_ready(self, timeout_s: float) -> None:
        """Return once the process is ready; start it again if it is killed before.

        Raises:
            ChildError: it exited by itself, was killed `START_TRIES` times, or was not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        starts_left = START_TRIES - 1
        while not (self.is_alive() and self.is_ready()):
            if not self.is_alive():
                if self.was_killed() and starts_left:
                    starts_left -= 1
                    self.start()
                    continue
                raise ChildError(f"{self.name} ended while starting. See {self.log}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ChildError(f"{self.name} was not ready after {timeout_s:.0f} s. See {self.log}.")
            time.sleep(_READY_POLL_S)

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def was_killed(self) -> bool:
        """Return whether SIGKILL ended it: by the kernel for lack of memory, or by a person."""
        return self.process is not None and self.process.poll() == -signal.SIGKILL

    def kill(self) -> None:
        """Kill the process; `restart_if_dead` starts it again."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart_if_dead(self) -> bool:
        """Restart the process if it is dead and its back-off is over. Return whether it was restarted.

        The back-off grows with every death: 0, 1, 3, 7, 15 and then 20 s. A process that had lived for a
        minute is restarted at once, however often it died before.
        """
        if self.is_alive():
            return False
        now = time.monotonic()
        if self.restart_at is None:
            if now - self.started_at >= HEALTHY_S:
                self.restarts = 0
            self.restart_at = now + RESTART_BACKOFF.delay(self.restarts + 1).total_seconds()
        if now < self.restart_at:
            return False
        self.restart_at = None
        self.restarts += 1
        self.start()
        return True

    def stop(self, grace_s: float) -> None:
        """End the process and all that it started: SIGTERM, then SIGKILL after `grace_s` seconds."""
        if self.process is None:
            return
        family = descendants(self.process.pid)
        if self.is_alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        kill_all(family)
        self.process.wait()

    def log_tail(self, lines: int = 8) -> str:
        """Return the last lines of the log; empty where there is none."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])
