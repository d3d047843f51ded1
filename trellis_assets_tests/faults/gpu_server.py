"""Generation servers that can be killed in the midst of their work, and tasks that several runs work on."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.generation.http import HttpGenerator
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.task_policies import GenerationPolicy
from trellis_assets.domain.tasks import Task
from trellis_assets.steps.generate import GenerateStep
from trellis_assets.steps.probe_endpoints import ProbeEndpointsStep
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.fakes import MINER, a_pulled_task, a_validator
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets.testing.splats import a_ball

SPZ = encode_spz(a_ball())


class GpuServer:
    """Makes a ball in so many seconds. Killed, it hangs up in the midst; it comes back at its address."""

    def __init__(self, takes_s: float = 0.05) -> None:
        self.takes_s = takes_s
        self.asked = self.made = 0
        self.at_work = threading.Event()
        self._dead = threading.Event()
        self._up = ExitStack()
        self.url, self._port = "", 0
        self.start()

    def start(self) -> None:
        self._dead.clear()
        self.url = self._up.enter_context(serving(self._respond, port=self._port))
        self._port = int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        self._dead.set()
        self._up.close()

    def _respond(self, request: Request) -> None:
        if request.path == "/health/":
            request.answer(b"{}")
            return
        self.asked += 1
        self.at_work.set()
        if not self._dead.wait(self.takes_s):
            self.made += 1
            request.answer(SPZ)


class Pool:
    """Runs of a miner, several at a time, in real time, over generation servers."""

    def __init__(self, store: SqlStore, files: LocalFileStore, servers: Sequence[GpuServer]) -> None:
        self.store, self.clock = store, SystemClock()
        self.generator = HttpGenerator([server.url for server in servers], timeout_s=20)
        policy = GenerationPolicy(keep_ply=False, prepare=False)
        self._step = GenerateStep(store, files, BytesCodec(), self.generator, self.clock, policy)
        self._made = 0

    def begin(self, runs: ThreadPoolExecutor, tasks: int) -> list["Future[Task | None]"]:
        """Begin so many new tasks, each with a run that works on it or waits."""
        keys = [self._arrive() for _ in range(tasks)]
        return [runs.submit(self._step.run, key, f"run-{key}") for key in keys]

    def _arrive(self) -> int:
        self._made += 1
        pulled = a_pulled_task(f"t{self._made}", f"ball {self._made}")
        now = self.clock.now()
        arrival = self.store.arrivals.record(
            pulled, validator=a_validator(1), miner_hotkey=MINER, now=now, session_id=None
        )
        return arrival.task.key

    def generated(self, tasks: int, *, at_once: int = 1) -> list[Task]:
        """Return so many new tasks, once their runs have ended."""
        with ThreadPoolExecutor(at_once) as runs:
            return ended(self.begin(runs, tasks))

    def look(self) -> str | None:
        """Return why nothing is to be pulled, as the poller finds out every second."""
        return ProbeEndpointsStep(self.store.endpoints, self.generator, self.clock).run()

    def endpoints(self) -> list[Endpoint]:
        return self.store.endpoints.named(self.generator.endpoints)


def ended(runs: Sequence["Future[Task | None]"]) -> list[Task]:
    tasks = [run.result(60) for run in runs]
    return [task for task in tasks if task is not None]
