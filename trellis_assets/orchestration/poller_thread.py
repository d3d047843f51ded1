"""The poller between two ticks: a thread of the code server, as long as the sensor keeps ticking.

A tick comes every 5 s at the fastest and holds its run requests back until it ends; with the poller
a validator is asked when it is due, and its task's run starts when its answer is there. The sensor
stays the switch: where it is turned off, the poller ends.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trellis_assets.domain.tasks import printable
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import MetagraphError, StoreError
from trellis_assets.steps.poll_continuously import PollingLoop
from trellis_assets.steps.poll_validators import PollReport

# A daemon that was restarted ticks again within this time.
SWITCHED_OFF_AFTER_S = 30.0
REST_AFTER_ERROR_S = 2.0
LOOK_EVERY_S = 1.0
BEAT_EVERY_S = 1.0


@dataclass(slots=True)
class PollerThread:
    """The thread and what it was told last.

    Attributes:
        step: makes the step, in the thread.
        closed: why nothing is to be pulled now, None when something is; asked every second.
        report_progress: called every second from the event loop: who reads the figures sees it move.
    """

    step: Callable[[], PollingLoop]
    closed: Callable[[], str | None]
    report_progress: Callable[[Mapping[str, Any]], object] = lambda _figures: None
    _ticked: float = field(default_factory=time.monotonic)
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: str | None = None
    _failed: str | None = None
    _report: PollReport = field(default_factory=PollReport)
    _progress: dict[str, Any] = field(default_factory=dict)

    def tick(self) -> tuple[PollReport, str | None]:
        """The poller goes on. What it did since the last tick, and what hinders it now."""
        with self._lock:
            self._ticked = time.monotonic()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="poller", daemon=True)
                self._thread.start()
            taken, self._report = self._report, PollReport()
            return taken, self._closed or self._failed

    def _is_wanted(self) -> bool:
        return time.monotonic() - self._ticked < SWITCHED_OFF_AFTER_S

    def _run(self) -> None:
        asyncio.run(self._poll())

    async def _poll(self) -> None:
        self._progress = {"rounds": 0, "polls": 0, "started_at": time.monotonic()}
        self._beat(lag_s=0.0, is_running=True)
        beat = asyncio.create_task(self._keep_beating())
        step = self.step()
        self._closed = await asyncio.to_thread(self.closed)
        look = asyncio.create_task(self._keep_looking())
        while self._is_wanted():
            try:
                await step.round(may_poll=self._closed is None)
                self._failed = None
            except Exception as error:  # noqa: BLE001 - it must not end: said, and tried again
                await self._rest_after(error)
            report = step.take_report()
            self._count_round(report)
            self._tell(report)
        look.cancel()
        try:
            await step.finish()
        finally:
            self._tell(step.take_report())
        beat.cancel()
        self._beat(lag_s=0.0, is_running=False)

    def _tell(self, report: PollReport) -> None:
        """The next tick tells of it."""
        with self._lock:
            self._report.add(report)
            self._report.next_due_in_s = report.next_due_in_s
            self._report.problem = report.problem

    def _count_round(self, report: PollReport) -> None:
        """Rounds and polls are told with the next heartbeat; a round that failed has ended too."""
        now = time.monotonic()
        self._progress |= {"rounds": self._progress["rounds"] + 1, "round_at": now}
        if report.polled:
            self._progress |= {"polls": self._progress["polls"] + report.polled, "polled_at": now}

    async def _keep_beating(self) -> None:
        """A heartbeat that comes from the loop stops with it, whatever holds it up."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(BEAT_EVERY_S)
            self._beat(lag_s=time.monotonic() - before - BEAT_EVERY_S, is_running=True)

    def _beat(self, *, lag_s: float, is_running: bool) -> None:
        state = {"is_running": is_running, "closed": self._closed, "failed": self._failed}
        lag = {"beat_at": time.monotonic(), "loop_lag_s": round(max(0.0, lag_s), 3)}
        self.report_progress(self._progress | lag | state)

    async def _keep_looking(self) -> None:
        """Apart from the rounds: a generation server that is asked for its health may be slow."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                self._closed = await asyncio.to_thread(self.closed)
            except StoreError as error:
                self._closed = printable(str(error), 500)

    async def _rest_after(self, error: Exception) -> None:
        self._failed = printable(f"{type(error).__name__}: {error}", 500)
        known = isinstance(error, MetagraphError | StoreError)
        audit("polling failed", level=logging.WARNING if known else logging.ERROR, reason=self._failed)
        await asyncio.sleep(REST_AFTER_ERROR_S)
