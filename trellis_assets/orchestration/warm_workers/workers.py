"""The forked workers of the pool: fork, read what they say, retire, kill and reap them."""

import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trellis_assets.domain.heartbeats import Stage, why_worker_is_stuck
from trellis_assets.orchestration.warm_workers.worker import DONE, READY, STAGE, run_forked

_log = logging.getLogger(__name__)

STOP_GRACE_S = 8.0
MAX_MESSAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many workers there are, and for how long.

    Attributes:
        spare: so many wait for a run, also while others work.
        most: workers at a time; more runs wait.
        waiting_after_s: a worker that has waited so many seconds for a validator's answer takes no place in
            `most`: validators that do not answer must not hold up the others.
        most_waiting: so many such workers at a time.
        runs_each: a worker is replaced after so many runs, so that no leak lives for weeks.
        idle_s: workers beyond the spare ones end after so many idle seconds.
        stages: how long a worker may take for each stage of a run, in seconds.
    """

    spare: int = 2
    most: int = 16
    runs_each: int = 500
    idle_s: float = 300.0
    stages: Mapping[Stage, float] = field(default_factory=dict)
    waiting_after_s: float = 3.0
    most_waiting: int = 64


@dataclass(slots=True)
class Worker:
    """A forked worker; `run_id` is the run that it executes. Times are monotonic, in seconds."""

    pid: int
    line: socket.socket
    is_ready: bool = False
    run_id: str | None = None
    runs: int = 0
    idle_since: float = field(default_factory=time.monotonic)
    heard_at: float = field(default_factory=time.monotonic)
    stage: Stage | None = None
    stage_since: float = 0.0
    unread: bytes = b""

    @property
    def is_free(self) -> bool:
        """Return whether it takes a run now."""
        return self.is_ready and self.run_id is None

    def waits_for_answer(self, now: float, after_s: float) -> bool:
        """Return whether it has waited longer than `after_s` seconds for a validator's answer."""
        return self.stage is Stage.SUBMITTING and now - self.stage_since > after_s

    def enter(self, stage: Stage | None) -> None:
        """Note the stage that begins; None between two runs."""
        self.stage, self.stage_since = stage, time.monotonic()

    def handle(self, word: str, value: str = "") -> None:
        """Handle one message of the worker."""
        if word == READY:
            self.is_ready = True
        elif word == STAGE:
            self.enter(Stage(value))
        elif word == DONE:
            self.run_id = None
            self.enter(None)
            self.runs += 1
            self.idle_since = time.monotonic()


class WorkerSet:
    """The workers of a pool.

    Args:
        home: the Dagster home.
        limits: how many workers there are.
        selector: hears the workers; each worker's key has the worker as its data.
        server: the pool's socket, which forks must close.
        requeue: takes the id of a run whose worker died before it began the run.

    Attributes:
        replaced: how many stuck workers were killed.
    """

    def __init__(
        self,
        home: Path,
        limits: PoolLimits,
        selector: selectors.BaseSelector,
        server: socket.socket,
        requeue: Callable[[str], None],
    ) -> None:
        self._home, self._limits, self._requeue = home, limits, requeue
        self._selector, self._server = selector, server
        self._workers: dict[int, Worker] = {}
        self.replaced = 0

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers.values())

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def busy(self) -> list[Worker]:
        """Return the workers that have a run."""
        return [worker for worker in self if worker.run_id is not None]

    @property
    def waiting(self) -> int:
        """Return how many workers have waited so long for a validator's answer that they do not count."""
        now = time.monotonic()
        return sum(worker.waits_for_answer(now, self._limits.waiting_after_s) for worker in self)

    @property
    def places(self) -> int:
        """Return how many workers there may be, with those that only wait for a validator's answer on top.

        With `most` 16, of whom 3 wait for answers, there may be 19.
        """
        return self._limits.most + min(self.waiting, self._limits.most_waiting)

    def give(self, worker: Worker, run_id: str) -> None:
        """Hand a run to a free worker."""
        worker.run_id = run_id
        worker.enter(None)
        try:
            worker.line.sendall(f"{run_id}\n".encode("ascii"))
        except OSError:
            self.reap(worker)

    def read(self, worker: Worker) -> None:
        """Read what the worker has sent; reap it if it has closed its line."""
        try:
            received = worker.line.recv(MAX_MESSAGE_BYTES)
        except OSError:
            received = b""
        if not received:
            self.reap(worker)
            return
        worker.heard_at = time.monotonic()
        *lines, worker.unread = (worker.unread + received).split(b"\n")
        for line in lines:
            worker.handle(*line.decode("ascii", "replace").split(" ", 1))
        if worker.is_free and worker.runs >= self._limits.runs_each:
            self.retire(worker)

    def adjust(self, queued: int) -> None:
        """Fork workers for what is queued and may come; retire those that have been idle for long."""
        free = [worker for worker in self if worker.run_id is None]
        wanted, places = self._limits.spare + queued, self.places
        for _ in range(min(wanted - len(free), places - len(self))):
            self._fork()
        now = time.monotonic()
        surplus = len(self) - places  # answers have come that others were started for
        rested = [w for w in free if w.is_ready and now - w.idle_since > self._limits.idle_s]
        ready = [w for w in free if w.is_ready]
        for worker in rested[: max(0, len(free) - wanted)] or ready[: max(0, surplus)]:
            self.retire(worker)

    def replace_stuck(self) -> None:
        """Kill workers that make no progress; others take their place, and leases free their tasks."""
        now = time.monotonic()
        for worker in list(self):
            problem = why_worker_is_stuck(
                silent_s=now - worker.heard_at,
                stage=worker.stage,
                stage_s=now - worker.stage_since,
                bounds=self._limits.stages,
            )
            if problem is not None:
                _log.error("worker %d is replaced, run %s: %s", worker.pid, worker.run_id, problem)
                os.kill(worker.pid, signal.SIGKILL)
                self.reap(worker)
                self.replaced += 1

    def retire(self, worker: Worker) -> None:
        """Let a worker end by itself, which it does once its line is closed for writing."""
        worker.is_ready = False
        worker.line.shutdown(socket.SHUT_WR)

    def reap(self, worker: Worker) -> None:
        """Take the exit status of a worker that ended, and forget it. Its lease frees its task."""
        self._selector.unregister(worker.line)
        worker.line.close()
        del self._workers[worker.pid]
        _, status = os.waitpid(worker.pid, 0)
        if worker.run_id is None:
            return
        _log.warning("worker %d died in run %s (status %d)", worker.pid, worker.run_id, status)
        if worker.stage is None:
            self._requeue(worker.run_id)

    def stop(self) -> None:
        """End all workers: SIGTERM, and SIGKILL after `STOP_GRACE_S` seconds."""
        deadline = time.monotonic() + STOP_GRACE_S
        for worker in self:
            worker.line.shutdown(socket.SHUT_WR)
            os.kill(worker.pid, signal.SIGTERM)
        for worker in list(self):
            while os.waitpid(worker.pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    os.kill(worker.pid, signal.SIGKILL)
                time.sleep(0.02)

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._server.close()
            for other in self:
                other.line.close()
            run_forked(theirs, self._home)
        theirs.close()
        worker = Worker(pid, ours)
        self._workers[pid] = worker
        self._selector.register(ours, selectors.EVENT_READ, worker)
