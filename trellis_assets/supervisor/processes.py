"""Child processes that live as long as the miner: started, watched, restarted, ended."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from trellis_assets.observability.log_rotation import MAX_LOG_BYTES

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
# The longest rest before a start. With the start itself, recovery takes less than the minute that is asked.
MAX_RESTART_WAIT_S = 20.0
# A child that lived so long has recovered: its next death counts as the first.
HEALTHY_S = 60.0
# So often a child is started again that was killed before it was ready.
START_TRIES = 3


class ChildError(RuntimeError):
    """A child process did not come up; the text names its log."""


def die_with_parent() -> None:
    """In the child, before its program starts: SIGTERM when the parent goes, however it goes."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def become_subreaper() -> None:
    """From now on, what a child leaves behind when it is killed becomes a child of this process.

    A run worker goes on with its task when the process that started it is killed; this way it is
    still known, and ends with the miner.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def kill_descendants() -> None:
    """No process that came of this one is left."""
    family = _family(os.getpid())
    for member in family:
        if member.is_running():
            member.kill()
    psutil.wait_procs(family, timeout=5)


@dataclass
class Child:
    """One child process with its log file; `is_ready` tells when it can be used."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[[], bool] = field(default=lambda: True)
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    restart_at: float | None = None
    started_at: float = 0.0

    def start(self) -> None:
        """The process runs, in a session of its own so that a terminal's Ctrl-C spares it."""
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                list(self.command),
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
            )

    def wait_ready(self, timeout_s: float) -> None:
        """Return once it is ready. If it is killed before, it is started again: that was no fault of its own.

        Raises:
            ChildError: it ended by itself, was killed too often, or was not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        starts_left = START_TRIES - 1
        while not (self.is_alive() and self.is_ready()):
            if not self.is_alive():
                if self.was_killed() and starts_left:
                    starts_left -= 1
                    self.start()
                    continue
                raise ChildError(f"{self.name} ended while starting: see {self.log}\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ChildError(f"{self.name} was not ready after {timeout_s:.0f} s: see {self.log}")
            time.sleep(0.1)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def was_killed(self) -> bool:
        """Whether SIGKILL ended it: the kernel for want of memory, or a person."""
        return self.process is not None and self.process.poll() == -signal.SIGKILL

    def kill(self) -> None:
        """End the process at once; `keep_alive` starts it anew."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def keep_alive(self) -> bool:
        """Start it anew if it has died, each time after a longer rest. True if it was started.

        A child that had lived for a minute is started at once, however often it died before.
        """
        if self.is_alive():
            return False
        now = time.monotonic()
        if self.restart_at is None:
            if now - self.started_at >= HEALTHY_S:
                self.restarts = 0
            self.restart_at = now + min(MAX_RESTART_WAIT_S, 2.0**self.restarts - 1.0)
        if now < self.restart_at:
            return False
        self.restart_at = None
        self.restarts += 1
        self.start()
        return True

    def stop(self, grace_s: float) -> None:
        """The process and all it has started are gone."""
        if self.process is None:
            return
        family = _family(self.process.pid)
        if self.is_alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for member in family:
            if member.is_running():
                member.kill()
        psutil.wait_procs(family, timeout=5)
        self.process.wait()

    def log_tail(self, lines: int = 8) -> str:
        """The end of the log."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def _family(pid: int) -> list[psutil.Process]:
    try:
        return [p for p in psutil.Process(pid).children(recursive=True) if p.pid != os.getpid()]
    except psutil.NoSuchProcess:
        return []
