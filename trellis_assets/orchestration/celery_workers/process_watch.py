"""The processes of a Celery worker: who makes no progress is replaced, who only waits takes no place.

Each process tells its stage and a heartbeat on a pipe; the worker reads it in its own event loop, between
messages of the broker. Celery itself sees only that a process lives.
"""

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from celery import signals

from trellis_assets.domain.heartbeats import Stage, why_worker_is_stuck
from trellis_assets.orchestration.warm_workers.worker import BEAT_EVERY_S
from trellis_assets.orchestration.warm_workers.workers import PoolLimits
from trellis_assets.system.stages import enter_stage, listen_to_stages

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
# After a pause like this the pipe may have been full, and what is known of the processes is old: the event
# loop stands still while the broker is away.
LATE_AFTER_S = 20.0
_BEAT, _IDLE = "beat", "idle"


@dataclass(slots=True)
class _Process:
    """What a process told last. Times are seconds of the monotonic clock."""

    heard_at: float
    stage: Stage | None = None
    stage_since: float = 0.0


@dataclass(slots=True)
class Processes:
    """What the processes of one worker reported, by process id; decides which are stuck and which wait."""

    stages: Mapping[Stage, float]
    known: dict[int, _Process] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        """Take one line: process id, time, and a stage, "idle" or "beat"."""
        try:
            pid, at, word = line.split(" ", 2)
            told_at, process = float(at), self.known.setdefault(int(pid), _Process(float(at)))
            process.heard_at = max(process.heard_at, told_at)
            if word == _IDLE:
                process.stage = None
            elif word != _BEAT:
                process.stage, process.stage_since = Stage(word), told_at
        except ValueError:
            _log.warning("a worker process told what cannot be read: %.80r", line)

    def keep(self, pids: Iterable[int]) -> None:
        """Forget processes that are no longer the worker's."""
        living = set(pids)
        self.known = {pid: process for pid, process in self.known.items() if pid in living}

    def trust_again(self, now: float) -> None:
        """Count every time from now on: lines may have been lost."""
        for process in self.known.values():
            process.heard_at = process.stage_since = now

    def stuck(self, now: float) -> dict[int, str]:
        """Return the processes that make no progress, with the reason."""
        found: dict[int, str] = {}
        for pid, process in self.known.items():
            problem = why_worker_is_stuck(
                silent_s=now - process.heard_at,
                stage=process.stage,
                stage_s=now - process.stage_since,
                bounds=self.stages,
            )
            if problem is not None:
                found[pid] = problem
        return found

    def waiting(self, now: float, after_s: float) -> int:
        """Return how many have waited longer than `after_s` seconds for a validator's answer."""
        return sum(p.stage is Stage.SUBMITTING and now - p.stage_since > after_s for p in self.known.values())


class ProcessWatch:
    """Watches over the processes of this Celery worker, from `start` until it ends."""

    def __init__(self, limits: PoolLimits) -> None:
        self._limits, self._processes = limits, Processes(limits.stages)
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        self._unread, self._looked_at = b"", time.monotonic()

    def start(self) -> None:
        """Have each process report, and look at them once a second; called before the worker starts."""
        signals.worker_process_init.connect(self._report, weak=False)
        signals.worker_ready.connect(self._watch, weak=False)

    def _report(self, **_: Any) -> None:
        """Report from now on; runs in each process after its fork."""
        reporter = _Reporter(self._write)
        listen_to_stages(reporter.tell)
        signals.task_prerun.connect(lambda **_: enter_stage(Stage.RUNNING), weak=False)
        signals.task_postrun.connect(lambda **_: reporter.tell(_IDLE), weak=False)
        reporter.tell(_IDLE)
        threading.Thread(target=reporter.keep_beating, name="heartbeat", daemon=True).start()

    def _watch(self, sender: Any, **_: Any) -> None:
        """Look in the worker's own event loop: a fork in the midst of a thread's step could hang."""
        sender.timer.call_repeatedly(LOOK_EVERY_S, self.look, (sender.pool,))

    def look(self, pool: Any) -> None:
        """Read what was reported, replace stuck processes, and make as many places as are needed."""
        now = time.monotonic()
        self._processes.keep(pool.info["processes"])
        self._drain()
        if now - self._looked_at > LATE_AFTER_S:
            self._processes.trust_again(now)
        self._looked_at = now
        for pid, problem in self._processes.stuck(now).items():
            _log.error("worker process %d is replaced: %s", pid, problem)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            del self._processes.known[pid]
        self._resize(pool, now)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._read, 1 << 16):
                *lines, self._unread = (self._unread + data).split(b"\n")
                for line in lines:
                    self._processes.hear(line.decode("ascii", "replace"))

    def _resize(self, pool: Any, now: float) -> None:
        waiting = self._processes.waiting(now, self._limits.waiting_after_s)
        surplus = pool.num_processes - (self._limits.most + min(waiting, self._limits.most_waiting))
        if surplus < 0:
            pool.grow(-surplus)
            pool.maintain_pool()
        elif surplus > 0:
            with contextlib.suppress(ValueError):  # all are busy: again in a second
                pool.shrink(surplus)


class _Reporter:
    """A process's end of the pipe; a worker that is gone or does not read holds it up in nothing."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def tell(self, word: str) -> None:
        """Write one line, whole or not at all: it is shorter than a pipe writes at once."""
        with contextlib.suppress(OSError):
            os.write(self._pipe, f"{os.getpid()} {time.monotonic():.3f} {word}\n".encode("ascii"))

    def keep_beating(self) -> None:
        """Write a heartbeat every few seconds: a process that is stopped writes none."""
        while True:
            time.sleep(BEAT_EVERY_S)
            self.tell(_BEAT)
