"""Time, so that tests can own it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """Return the present, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that nobody can set; only differences within one process count."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...
