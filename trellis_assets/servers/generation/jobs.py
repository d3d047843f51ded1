"""One generation at a time, a bounded number waiting, each with a deadline; callers may disconnect."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Lock
from typing import TypeVar

from trellis_assets.domain.generation_requests import GenerationRequest, GenerationStoppedError
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.ports import GenerationError, ServerBackend
from trellis_assets.servers.generation.result_cache import ResultCache

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_LOOK_EVERY_S = 0.2


class QueueFullError(RuntimeError):
    """As many jobs wait as may."""


class DeadlineError(RuntimeError):
    """The job did not end in its time."""


class CallerGoneError(RuntimeError):
    """The caller has disconnected and does not wait for the job any more."""


@dataclass(slots=True)
class Job:
    """One request on its way. Written by the worker thread, read by anyone."""

    number: int
    request: GenerationRequest
    stage: str = "waiting"
    progress: float = 0.0
    started_at: float | None = None
    stop: Event = field(default_factory=Event)

    def watch(self, stage: str, progress: float) -> None:
        """Note the stage of the backend; cancel the job if it was stopped."""
        self.stage, self.progress = stage, progress
        if self.stop.is_set():
            raise GenerationStoppedError(f"job {self.number} was called off")


@dataclass(slots=True)
class Counts:
    """What became of the jobs so far. Times are of generation alone, in seconds."""

    total: int = 0
    successful: int = 0
    failed: int = 0
    cancelled: int = 0
    refused: int = 0
    repeated: int = 0  # sent again, from the models made last
    seconds: float = 0.0
    last_s: float | None = None


class Jobs:
    """The queue of one backend, which works in a thread of its own: a GPU does one thing at a time."""

    def __init__(self, backend: ServerBackend, *, queue: int, deadline_s: float) -> None:
        self.backend, self._queue, self._deadline_s = backend, queue, deadline_s
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="generation")
        self._lock = Lock()
        self._numbers = count(1)
        self.held: dict[int, Job] = {}
        self.kept = ResultCache()
        self.counts = Counts()
        self.last_used_at = time.monotonic()

    async def run(
        self, request: GenerationRequest, is_caller_gone: Callable[[], Awaitable[bool]]
    ) -> GaussianSplats:
        """Return the request's model: from the result cache where it was made before.

        Raises:
            QueueFullError: at once.
            DeadlineError, CallerGoneError: the job is called off and stops at its next step.
            GenerationError: what the backend says.
        """
        if (kept := self._kept(request)) is not None:
            return kept
        job = self._enqueue(request)
        work = self._worker.submit(self._work, job)
        work.add_done_callback(lambda done: self._forget(job, done))
        waiting = asyncio.wrap_future(work)
        until = time.monotonic() + self._deadline_s
        try:
            while not (await asyncio.wait({waiting}, timeout=_LOOK_EVERY_S))[0]:
                if time.monotonic() > until:
                    raise DeadlineError(f"not done within {self._deadline_s:.0f} s")
                if await is_caller_gone():
                    raise CallerGoneError
            return waiting.result()
        finally:
            # Harmless when it is done; else it leaves the queue, or stops where it looks next.
            job.stop.set()
            work.cancel()

    async def load(self) -> None:
        """Load the backend's models; requests that come meanwhile wait behind it.

        Raises:
            GenerationError: they cannot be loaded.
        """
        await asyncio.wrap_future(self._worker.submit(_guarded, self.backend.load))
        self.last_used_at = time.monotonic()

    async def unload(self) -> None:
        """Free the backend's memory after the active job, and clear the result cache."""
        self.kept.clear()
        await asyncio.wrap_future(self._worker.submit(self.backend.unload))

    def close(self) -> None:
        """Cancel all jobs, the active one too."""
        for job in list(self.held.values()):
            job.stop.set()
        self._worker.shutdown(wait=False, cancel_futures=True)

    @property
    def waiting(self) -> int:
        """Return how many jobs wait behind the active one."""
        return sum(job.started_at is None for job in list(self.held.values()))

    @property
    def current(self) -> Job | None:
        """Return the active job."""
        return next((job for job in list(self.held.values()) if job.started_at is not None), None)

    def _enqueue(self, request: GenerationRequest) -> Job:
        with self._lock:
            if len(self.held) > self._queue:
                self.counts.refused += 1
                raise QueueFullError(f"{self._queue} jobs wait already")
            job = Job(next(self._numbers), request)
            self.held[job.number] = job
            self.counts.total += 1
            return job

    def _kept(self, request: GenerationRequest) -> GaussianSplats | None:
        splats = self.kept.get(request)
        if splats is not None:
            _log.info("model sent again: seed %s", request.seed)
            with self._lock:
                self.counts.repeated += 1
                self.last_used_at = time.monotonic()
        return splats

    def _work(self, job: Job) -> GaussianSplats:
        job.started_at = started = time.monotonic()
        job.watch("starting", 0.0)
        # Its first caller may have left while it was made, and this be the second one's wait for it.
        if (kept := self._kept(job.request)) is not None:
            return kept
        splats = _guarded(lambda: self.backend.generate(job.request, job.watch))
        self.kept.keep(job.request, splats)
        took = time.monotonic() - started
        _log.info("model made: seed %s in %.2f s", job.request.seed, took)
        with self._lock:
            self.counts.seconds += took
            self.counts.last_s = took
        return splats

    def _forget(self, job: Job, done: Future[GaussianSplats]) -> None:
        with self._lock:
            self.held.pop(job.number, None)
            self.last_used_at = time.monotonic()
            error = None if done.cancelled() else done.exception()
            if done.cancelled() or isinstance(error, GenerationStoppedError):
                self.counts.cancelled += 1
            elif error is not None:
                self.counts.failed += 1
            else:
                self.counts.successful += 1


def _guarded(call: Callable[[], _Result]) -> _Result:
    """Return what the call returns; a library that ends the process, as rembg does, is a fault like others.

    Raises:
        GenerationError: the library called `sys.exit`.
    """
    try:
        return call()
    except SystemExit as error:
        text = f"a library wanted to end the server (sys.exit({error.code!r})): see the server's log"
        raise GenerationError(text, is_transient=False) from error
