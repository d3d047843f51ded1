"""The pool of run workers: a process that has imported everything, and forks workers ahead of need.

It must stay without threads and without open databases, since its forks would inherit them broken.
"""

import argparse
import gc
import json
import logging
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import FrameType

from trellis_assets.domain.heartbeats import Stage, why_worker_is_stuck
from trellis_assets.orchestration.warm_workers.pid_files import sweep_marks
from trellis_assets.orchestration.warm_workers.socket_path import short_socket_path
from trellis_assets.orchestration.warm_workers.worker import DONE, READY, STAGE, run_forked
from trellis_assets.system.heartbeat_files import RUN_WORKERS, write_heartbeat

_log = logging.getLogger(__name__)

# What a mining run imports; bittensor is left to the workers: it starts threads.
PRELOADED = (
    "trellis_assets.definitions",
    "trellis_assets.adapters.storage.store",
    "trellis_assets.adapters.splat_io.codec",
    "trellis_assets.adapters.generation.http",
    "trellis_assets.adapters.generation.embedded.generator",
    "trellis_assets.adapters.validation.embedded.validator",
    "trellis_assets.adapters.validation.http",
    "trellis_assets.adapters.rendering.pictures",
)
LOOK_EVERY_S = 1.0
STOP_GRACE_S = 8.0
MAX_MESSAGE = 4096


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many workers there are.

    Attributes:
        spare: so many wait for a run, also while others work.
        most: workers at a time; more runs wait.
        waiting_after_s: a worker that has waited so long for a validator's answer takes no place in `most`:
            validators that do not answer must not hold up the others. It has one task of each validator.
        most_waiting: so many such workers at a time.
        runs_each: a worker is replaced after so many runs, so that no leak lives for weeks.
        idle_s: workers beyond the spare ones go after resting so long.
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
    """A forked worker; `run_id` is what it executes."""

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
        """Whether it takes a run now."""
        return self.is_ready and self.run_id is None

    def waits_for_answer(self, now: float, after_s: float) -> bool:
        """Whether it has waited longer than `after_s` seconds for a validator's answer."""
        return self.stage is Stage.SUBMITTING and now - self.stage_since > after_s

    def enter(self, stage: Stage | None) -> None:
        """It is at the stage from now on; None between two runs."""
        self.stage, self.stage_since = stage, time.monotonic()


class Pool:
    """Takes run ids on the socket and gives each to a worker."""

    def __init__(self, home: Path, limits: PoolLimits, progress: Path | None = None) -> None:
        self._home, self._limits = home, limits
        self._progress = progress or home / "progress"
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, Worker] = {}
        self._queue: deque[str] = deque()
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._is_stopping = False
        self._replaced = 0
        self._beat_at = 0.0

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; then no worker is left."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        sweep_marks(self._home)
        self._listen()
        while not self._is_stopping:
            self._keep_spare()
            for key, _ in self._selector.select(LOOK_EVERY_S):
                if key.fileobj is self._server:
                    self._take_order()
                else:
                    self._hear(key.data)
            self._assign()
            self._replace_stuck()
            self._beat()
        self._end_workers()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _listen(self) -> None:
        with short_socket_path(self._home) as path:
            Path(path).unlink(missing_ok=True)
            self._server.bind(path)
        self._server.listen(64)
        self._selector.register(self._server, selectors.EVENT_READ)

    def _take_order(self) -> None:
        """One order: a connection, one line of JSON, one answer."""
        connection, _ = self._server.accept()
        with connection:
            connection.settimeout(2.0)
            try:
                order = json.loads(connection.recv(MAX_MESSAGE))
                connection.sendall(json.dumps(self._obey(order)).encode())
            except (OSError, ValueError, TypeError, KeyError) as error:
                _log.warning("an order could not be read: %r", error)

    def _obey(self, order: dict[str, str]) -> dict[str, bool]:
        if "launch" in order:
            self._queue.append(order["launch"])
            return {"taken": True}
        if "drop" in order:
            dropped = order["drop"] in self._queue
            if dropped:
                self._queue.remove(order["drop"])
            return {"dropped": dropped}
        return {"ready": order["ask"] == "ready" and any(w.is_ready for w in self._workers.values())}

    def _assign(self) -> None:
        room = self._places() - sum(w.run_id is not None for w in self._workers.values())
        for worker in [w for w in self._workers.values() if w.is_free][: max(0, room)]:
            if not self._queue:
                return
            worker.run_id = self._queue.popleft()
            worker.enter(None)
            try:
                worker.line.sendall(f"{worker.run_id}\n".encode("ascii"))
            except OSError:
                self._bury(worker)

    def _hear(self, worker: Worker) -> None:
        try:
            said = worker.line.recv(MAX_MESSAGE)
        except OSError:
            said = b""
        if not said:
            self._bury(worker)
            return
        worker.heard_at = time.monotonic()
        *lines, worker.unread = (worker.unread + said).split(b"\n")
        for line in lines:
            self._obey_worker(worker, *line.decode("ascii", "replace").split(" ", 1))

    def _obey_worker(self, worker: Worker, word: str, value: str = "") -> None:
        if word == READY:
            worker.is_ready = True
        elif word == STAGE:
            worker.enter(Stage(value))
        elif word == DONE:
            worker.run_id = None
            worker.enter(None)
            worker.runs += 1
            worker.idle_since = time.monotonic()
            if worker.runs >= self._limits.runs_each:
                self._dismiss(worker)

    def _replace_stuck(self) -> None:
        """Kill workers that make no progress; others take their place, and leases free their tasks."""
        now = time.monotonic()
        for worker in list(self._workers.values()):
            problem = why_worker_is_stuck(
                silent_s=now - worker.heard_at,
                stage=worker.stage,
                stage_s=now - worker.stage_since,
                bounds=self._limits.stages,
            )
            if problem is not None:
                _log.error("worker %d is replaced, run %s: %s", worker.pid, worker.run_id, problem)
                os.kill(worker.pid, signal.SIGKILL)
                self._bury(worker)
                self._replaced += 1

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_at < LOOK_EVERY_S:
            return
        self._beat_at = now
        busy = [w for w in self._workers.values() if w.run_id is not None]
        figures = {
            "beat_at": now,
            "workers": len(self._workers),
            "busy": len(busy),
            "queued": len(self._queue),
            "waiting": sum(w.waits_for_answer(now, self._limits.waiting_after_s) for w in busy),
            "replaced": self._replaced,
            "stages": {str(w.pid): [w.stage, w.stage_since] for w in busy},
        }
        write_heartbeat(self._progress, RUN_WORKERS, figures)

    def _keep_spare(self) -> None:
        """Enough workers wait for what may come; those that rested long beyond that go."""
        free = [w for w in self._workers.values() if w.run_id is None]
        wanted = self._limits.spare + len(self._queue)
        places = self._places()
        for _ in range(min(wanted - len(free), places - len(self._workers))):
            self._fork()
        now = time.monotonic()
        surplus = len(self._workers) - places  # answers have come that others were started for
        rested = [w for w in free if w.is_ready and now - w.idle_since > self._limits.idle_s]
        for worker in (
            rested[: max(0, len(free) - wanted)] or [w for w in free if w.is_ready][: max(0, surplus)]
        ):
            self._dismiss(worker)

    def _places(self) -> int:
        """How many workers there may be: those that only wait for a validator's answer come on top."""
        now = time.monotonic()
        waiting = sum(w.waits_for_answer(now, self._limits.waiting_after_s) for w in self._workers.values())
        return self._limits.most + min(waiting, self._limits.most_waiting)

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._server.close()
            for other in self._workers.values():
                other.line.close()
            run_forked(theirs, self._home)
        theirs.close()
        worker = Worker(pid, ours)
        self._workers[pid] = worker
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _dismiss(self, worker: Worker) -> None:
        """It ends by itself once it sees that the line is closed for writing."""
        worker.is_ready = False
        worker.line.shutdown(socket.SHUT_WR)

    def _bury(self, worker: Worker) -> None:
        """A worker that is gone is forgotten. Its task is free when its lease ends."""
        self._selector.unregister(worker.line)
        worker.line.close()
        del self._workers[worker.pid]
        _, status = os.waitpid(worker.pid, 0)
        if worker.run_id is None:
            return
        _log.warning("worker %d died in run %s (status %d)", worker.pid, worker.run_id, status)
        if worker.stage is None:
            self._queue.appendleft(worker.run_id)  # it had not begun

    def _end_workers(self) -> None:
        deadline = time.monotonic() + STOP_GRACE_S
        for worker in self._workers.values():
            worker.line.shutdown(socket.SHUT_WR)
            os.kill(worker.pid, signal.SIGTERM)
        for worker in list(self._workers.values()):
            while os.waitpid(worker.pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    os.kill(worker.pid, signal.SIGKILL)
                time.sleep(0.02)


def main() -> None:
    """The pool of the Dagster home in `DAGSTER_HOME`."""
    # Not the root logger: the workers would say all that Dagster says once more.
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    _log.propagate = False
    options = _options()
    bounds = {Stage(name): float(bound) for name, bound in json.loads(options.stages).items()}
    for name in PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()  # collections in the forks leave these pages shared
    limits = PoolLimits(most=options.most, stages=bounds)
    Pool(Path(os.environ["DAGSTER_HOME"]), limits, options.progress).run()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The pool of run workers of DAGSTER_HOME.")
    parser.add_argument("most", type=int, nargs="?", default=PoolLimits().most, help="workers at a time")
    parser.add_argument("--stages", default="{}", help="longest seconds of each stage, as JSON object")
    parser.add_argument("--progress", type=Path, help="folder of the heartbeat; default: in DAGSTER_HOME")
    return parser.parse_args()


if __name__ == "__main__":
    main()
