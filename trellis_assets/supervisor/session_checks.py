"""Checks that go on while a session runs, each in a thread of its own: one that hangs holds up no other."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.outages import Outages

# A check that takes longer than this beyond its interval is told as a part that does not answer.
PATIENCE_S = 45.0


@dataclass(frozen=True, slots=True)
class Check:
    """What is looked at again and again; `name` is the part where it fails altogether."""

    name: str
    every_s: float
    run: Callable[[], Sequence[CheckResult]]


@dataclass(slots=True)
class SessionChecks:
    """The checks of a session, and what people were told of them."""

    checks: Sequence[Check]
    _found: SimpleQueue[tuple[str, Sequence[CheckResult]]] = field(default_factory=SimpleQueue)
    _stop: threading.Event = field(default_factory=threading.Event)
    _outages: Outages = field(default_factory=Outages)
    _heard_at: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        """Start the threads; no process waits for them when it ends."""
        for check in self.checks:
            self._heard_at[check.name] = time.monotonic()
            threading.Thread(target=self._repeat, args=(check,), name=check.name, daemon=True).start()

    def stop(self) -> None:
        """No check is begun any more."""
        self._stop.set()

    def news(self) -> list[str]:
        """Return a line for each part that has failed since the last call, or is back."""
        lines: list[str] = []
        while True:
            try:
                name, results = self._found.get_nowait()
            except Empty:
                break
            self._heard_at[name] = time.monotonic()
            lines += self._outages.update(name, results, self._heard_at[name])
        now = time.monotonic()
        for check in self.checks:
            if now - self._heard_at.setdefault(check.name, now) > check.every_s + PATIENCE_S:
                lines += self._outages.update(check.name, [_no_answer(check.name)], now)
        return lines

    def _repeat(self, check: Check) -> None:
        while not self._stop.is_set():
            try:
                found = check.run()
            except Exception as error:  # noqa: BLE001 - told as a result; the text may hold anything
                text = f"the check failed: {type(error).__name__}"
                found = [CheckResult(check.name, Health.FAILED, text, "see the logs in the data folder")]
            self._found.put((check.name, found))
            self._stop.wait(check.every_s)


def _no_answer(name: str) -> CheckResult:
    return CheckResult(name, Health.FAILED, "the check does not end", "see the logs in the data folder")
