"""Signals that ask a session to stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

# SIGHUP is sent when the terminal is closed.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequestedError(BaseException):
    """A stop was requested before mining began, so that no active task has to be finished."""


@dataclass
class StopSignal:
    """Counts SIGINT, SIGTERM and SIGHUP: the first finishes active tasks, the second stops at once."""

    count: int = 0
    _interrupts: bool = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._interrupts:
            raise StopRequestedError

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a signal end the block at once, whatever it waits for.

        Raises:
            StopRequestedError: a stop is requested within the block, or was before it.
        """
        self._interrupts = True
        try:
            if self.count:
                raise StopRequestedError
            yield
        finally:
            self._interrupts = False

    @contextmanager
    def listening(self) -> Iterator["StopSignal"]:
        """Count signals until the block ends, then restore the earlier handlers."""
        before = {n: signal.signal(n, self._handle) for n in _SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
