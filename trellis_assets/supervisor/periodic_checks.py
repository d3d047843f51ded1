"""Health checks that are repeated while a session runs, each in a thread of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.outages import Outages

# A check that takes longer than this beyond its interval is reported as one that does not end.
TIMEOUT_S = 45.0


@dataclass(frozen=True, slots=True)
class PeriodicCheck:
    """A health check and its interval in seconds; `name` is the part that failed if `run` raises."""

    name: str
    interval_s: float
    run: Callable[[], Sequence[CheckResult]]


@dataclass(slots=True)
class PeriodicChecks:
    """Runs the checks, and turns their results into lines for people. One that hangs delays no other."""

    checks: Sequence[PeriodicCheck]
    _found: SimpleQueue[tuple[str, Sequence[CheckResult]]] = field(default_factory=SimpleQueue)
    _stop: threading.Event = field(default_factory=threading.Event)
    _outages: Outages = field(default_factory=Outages)
    _reported_at: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        """Start a daemon thread for each check: no process waits for them when it ends."""
        for check in self.checks:
            self._reported_at[check.name] = time.monotonic()
            threading.Thread(target=self._repeat, args=(check,), name=check.name, daemon=True).start()

    def mark_reported(self, name: str, results: Sequence[CheckResult]) -> None:
        """Note that people were told of these results of a check already."""
        self._outages.mark_reported(name, results, time.monotonic())

    def stop(self) -> None:
        """Start no further check."""
        self._stop.set()

    def take_messages(self) -> list[str]:
        """Return a line for each part that began to fail or recovered since the last call."""
        lines: list[str] = []
        while True:
            try:
                name, found = self._found.get_nowait()
            except Empty:
                break
            self._reported_at[name] = time.monotonic()
            lines += self._outages.update(name, found, self._reported_at[name])
        now = time.monotonic()
        for check in self.checks:
            if now - self._reported_at.setdefault(check.name, now) > check.interval_s + TIMEOUT_S:
                lines += self._outages.update(check.name, [_does_not_end(check.name)], now)
        return lines

    def _repeat(self, check: PeriodicCheck) -> None:
        while not self._stop.is_set():
            try:
                found = check.run()
            except Exception as error:  # noqa: BLE001 - reported as a failure; the text may hold anything
                text = f"the check failed: {type(error).__name__}"
                found = [CheckResult(check.name, Health.FAILED, text, "see the logs in the data folder")]
            self._found.put((check.name, found))
            self._stop.wait(check.interval_s)


def _does_not_end(name: str) -> CheckResult:
    return CheckResult(name, Health.FAILED, "the check does not end", "see the logs in the data folder")
