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
from importlib import import_module
from pathlib import Path
from types import FrameType

from trellis_assets.adapters.rendering.cpu import warm_up
from trellis_assets.domain.heartbeats import Stage
from trellis_assets.orchestration.warm_workers import workers
from trellis_assets.orchestration.warm_workers.pid_files import remove_stale_pid_files
from trellis_assets.orchestration.warm_workers.socket_path import short_socket_path
from trellis_assets.orchestration.warm_workers.workers import MAX_MESSAGE_BYTES, PoolLimits, WorkerSet
from trellis_assets.system.heartbeat_files import RUN_WORKERS, write_heartbeat

_log = logging.getLogger(__name__)

# What a mining run imports, once for all workers: they share the memory, and start at once.
PRELOADED = (
    "trellis_assets.definitions",
    "trellis_assets.adapters.bittensor.client",
    "trellis_assets.adapters.storage.store",
    "trellis_assets.adapters.splat_io.codec",
    "trellis_assets.adapters.generation.http",
    "trellis_assets.adapters.generation.embedded.generator",
    "trellis_assets.adapters.validation.embedded.validator",
    "trellis_assets.adapters.validation.http",
    "trellis_assets.adapters.rendering.pictures",
    "trellis_assets.steps.learn",
)
CHECK_EVERY_S = 1.0
_REQUEST_TIMEOUT_S = 2.0
_BACKLOG = 64


class Pool:
    """Takes run ids on a Unix socket, queues them, and gives each to a worker."""

    def __init__(self, home: Path, limits: PoolLimits, progress: Path | None = None) -> None:
        self._home = home
        self._progress = progress or home / "progress"
        self._selector = selectors.DefaultSelector()
        self._queue: deque[str] = deque()
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._workers = WorkerSet(home, limits, self._selector, self._server, self._queue.appendleft)
        self._is_stopping = False
        self._beat_at = 0.0

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then end all workers."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        remove_stale_pid_files(self._home)
        self._listen()
        while not self._is_stopping:
            self._workers.adjust(queued=len(self._queue))
            for key, _ in self._selector.select(CHECK_EVERY_S):
                if key.fileobj is self._server:
                    self._answer_request()
                else:
                    self._workers.read(key.data)
            self._assign()
            self._workers.replace_stuck()
            self._beat()
        self._workers.stop()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _listen(self) -> None:
        with short_socket_path(self._home) as path:
            Path(path).unlink(missing_ok=True)
            self._server.bind(path)
        self._server.listen(_BACKLOG)
        self._selector.register(self._server, selectors.EVENT_READ)

    def _answer_request(self) -> None:
        """Answer one request: a connection, one line of JSON, one answer."""
        connection, _ = self._server.accept()
        with connection:
            connection.settimeout(_REQUEST_TIMEOUT_S)
            try:
                request = json.loads(connection.recv(MAX_MESSAGE_BYTES))
                connection.sendall(json.dumps(self._handle(request)).encode())
            except (OSError, ValueError, TypeError, KeyError) as error:
                _log.warning("a request could not be read: %r", error)

    def _handle(self, request: dict[str, str]) -> dict[str, bool]:
        if "launch" in request:
            self._queue.append(request["launch"])
            return {"taken": True}
        if "drop" in request:
            dropped = request["drop"] in self._queue
            if dropped:
                self._queue.remove(request["drop"])
            return {"dropped": dropped}
        return {"ready": request["ask"] == "ready" and any(w.is_ready for w in self._workers)}

    def _assign(self) -> None:
        """Give queued runs to free workers, as many as there are places."""
        room = max(0, self._workers.places - len(self._workers.busy))
        for worker in [w for w in self._workers if w.is_free][:room]:
            if not self._queue:
                return
            self._workers.give(worker, self._queue.popleft())

    def _beat(self) -> None:
        """Write the heartbeat, once a second."""
        now = time.monotonic()
        if now - self._beat_at < CHECK_EVERY_S:
            return
        self._beat_at = now
        busy = self._workers.busy
        figures = {
            "beat_at": now,
            "workers": len(self._workers),
            "busy": len(busy),
            "queued": len(self._queue),
            "waiting": self._workers.waiting,
            "replaced": self._workers.replaced,
            "stages": {str(w.pid): [w.stage, w.stage_since] for w in busy},
        }
        write_heartbeat(self._progress, RUN_WORKERS, figures)


def main() -> None:
    """Run the pool of the Dagster home in `DAGSTER_HOME`."""
    # Not the root logger: the workers would repeat all that Dagster logs.
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for log in (_log, logging.getLogger(workers.__name__)):
        log.addHandler(handler)
        log.propagate = False
    options = _options()
    bounds = {Stage(name): float(bound) for name, bound in json.loads(options.stages).items()}
    for name in PRELOADED:
        import_module(name)
    warm_up()  # every run draws at least a preview; the compiled kernels are most of a worker's memory
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
