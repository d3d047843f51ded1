"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], object], what: str = "it came to pass", timeout_s: float = 180) -> None:
    """It holds; the test fails where it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"{what} within {timeout_s} s"
        time.sleep(0.02)
