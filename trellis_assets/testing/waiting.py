"""Waiting for what other threads and processes do, in tests and benchmarks."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], object], what: str = "it came to pass", timeout_s: float = 180) -> None:
    """Return once `holds()` is true.

    Raises:
        AssertionError: it is not within `timeout_s` seconds; the message names `what`.
    """
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"{what} within {timeout_s} s"
        time.sleep(0.02)
