"""The clock of this machine."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The `Clock` of production: wall time and real sleep."""

    def now(self) -> datetime:
        """Return the aware UTC time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds of a clock that nobody can set."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block for `seconds`."""
        time.sleep(seconds)
