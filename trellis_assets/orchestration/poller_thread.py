"""The poller thread: polls validators between two ticks of the sensor, as long as the sensor ticks.

Dagster's daemon ticks every 5 s at the fastest, and launches a tick's run requests when the tick ends.
The poller thread of the code server polls each validator when it is due, and a task's run starts as soon
as the validator has answered. The sensor stays the switch: when it is turned off, the thread ends.
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
ERROR_BACKOFF_S = 2.0
CHECK_EVERY_S = 1.0
BEAT_EVERY_S = 1.0


@dataclass(slots=True)
class PollerThread:
    """The thread, and what it did since the last tick.

    Attributes:
        step: makes the polling loop's step; called in the thread.
        closed: why nothing is to be pulled now, None when something is; called every second.
        report_progress: writes the heartbeat; called every second from the event loop, so that a loop that
            hangs stops it.
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
        """Keep the thread going; return what it did since the last tick, and why it pulls nothing now."""
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
        check = asyncio.create_task(self._keep_checking())
        while self._is_wanted():
            try:
                await step.round(may_poll=self._closed is None)
                self._failed = None
            except Exception as error:  # noqa: BLE001 - logged, and tried again: the thread must not end
                await self._back_off_after(error)
            report = step.take_report()
            self._count_round(report)
            self._add_report(report)
        check.cancel()
        try:
            await step.finish()
        finally:
            self._add_report(step.take_report())
        beat.cancel()
        self._beat(lag_s=0.0, is_running=False)

    def _add_report(self, report: PollReport) -> None:
        """Add to what the next tick returns."""
        with self._lock:
            self._report.add(report)
            self._report.next_due_in_s = report.next_due_in_s
            self._report.problem = report.problem

    def _count_round(self, report: PollReport) -> None:
        """Count a round and its polls for the next heartbeat; a round that failed counts too."""
        now = time.monotonic()
        self._progress |= {"rounds": self._progress["rounds"] + 1, "round_at": now}
        if report.polled:
            self._progress |= {"polls": self._progress["polls"] + report.polled, "polled_at": now}

    async def _keep_beating(self) -> None:
        """Write heartbeats from the event loop: they stop with it, whatever blocks it."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(BEAT_EVERY_S)
            self._beat(lag_s=time.monotonic() - before - BEAT_EVERY_S, is_running=True)

    def _beat(self, *, lag_s: float, is_running: bool) -> None:
        state = {"is_running": is_running, "closed": self._closed, "failed": self._failed}
        lag = {"beat_at": time.monotonic(), "loop_lag_s": round(max(0.0, lag_s), 3)}
        self.report_progress(self._progress | lag | state)

    async def _keep_checking(self) -> None:
        """Renew `_closed` beside the rounds: the health probe of a generation server may be slow."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                self._closed = await asyncio.to_thread(self.closed)
            except StoreError as error:
                self._closed = printable(str(error), 500)
            except Exception as error:  # noqa: BLE001 - told, and looked at again: else it stays as it is
                self._closed = printable(f"what hinders a poll cannot be said: {error!r}", 500)

    async def _back_off_after(self, error: Exception) -> None:
        self._failed = printable(f"{type(error).__name__}: {error}", 500)
        known = isinstance(error, MetagraphError | StoreError)
        audit("polling failed", level=logging.WARNING if known else logging.ERROR, reason=self._failed)
        await asyncio.sleep(ERROR_BACKOFF_S)
