"""A value that a thread reads, so that a page that shows it does not wait long."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What is known of a value.

    Attributes:
        value: as it was read last; None before the first time.
        problem: the type of the last read's error, whose text may hold anything; empty after a success.
    """

    value: T | None
    problem: str = ""


class BackgroundCache(Generic[T]):
    """Keeps a value, and reads it again in a thread when it is wanted and old; one read at a time.

    While it is being read, callers get the last value. Without callers it is not read.
    """

    def __init__(
        self,
        read: Callable[[], T],
        lifetime_s: Callable[[float], float],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep what `read` returns.

        Args:
            read: reads the value; may take long and raise.
            lifetime_s: seconds until it is read again, by how long the last read took.
            timer: monotonic seconds.
        """
        self._read, self._lifetime_s, self._timer = read, lifetime_s, timer
        self._changed = threading.Condition()
        self._is_reading, self._due_at = False, 0.0
        self._known: Reading[T] = Reading(None)

    def begin(self) -> None:
        """Begin to read the value where it is old, and do not wait."""
        with self._changed:
            if self._is_reading or self._timer() < self._due_at:
                return
            self._is_reading = True
        threading.Thread(target=self._run, name="background read", daemon=True).start()

    def get(self, wait_s: float = 0.0) -> Reading[T]:
        """Return what is known; before the first read has ended, wait so many seconds for it."""
        self.begin()
        with self._changed:
            is_known = lambda: self._known.value is not None or bool(self._known.problem)  # noqa: E731
            self._changed.wait_for(is_known, wait_s)
            return self._known

    def _run(self) -> None:
        started = self._timer()
        try:
            known = Reading(self._read())
        except Exception as error:
            logger.exception("a value for the pages cannot be read")
            known = Reading(self._known.value, type(error).__name__)
        with self._changed:
            self._known, self._is_reading = known, False
            self._due_at = self._timer() + self._lifetime_s(self._timer() - started)
            self._changed.notify_all()
