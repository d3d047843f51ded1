"""A value that a thread reads, so that a page that shows it does not wait long."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
# A value older than this is no longer news: who wants it waits for the read that has begun.
OLD_S = 30.0
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

    While it is being read, callers get the last value, unless nobody has asked for so long that it is older
    than `OLD_S`. Without callers it is not read.
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
        self._is_reading, self._due_at, self._read_at = False, 0.0, 0.0
        self._known: Reading[T] = Reading(None)

    def begin(self) -> None:
        """Begin to read the value where it is old, and do not wait."""
        with self._changed:
            if self._is_reading or self._timer() < self._due_at:
                return
            self._is_reading = True
        threading.Thread(target=self._run, name="background read", daemon=True).start()

    def get(self, wait_s: float = 0.0) -> Reading[T]:
        """Return what is known; where that is nothing or old, wait so many seconds for the read at most."""
        self.begin()
        with self._changed:
            self._changed.wait_for(self._is_news, wait_s)
            return self._known

    def _is_news(self) -> bool:
        if self._known.value is None and not self._known.problem:
            return False
        return not self._is_reading or self._timer() - self._read_at < OLD_S

    def _run(self) -> None:
        started = self._timer()
        try:
            known = Reading(self._read())
        except Exception as error:
            logger.exception("a value for the pages cannot be read")
            known = Reading(self._known.value, type(error).__name__)
        with self._changed:
            self._known, self._is_reading = known, False
            self._read_at = self._timer()
            self._due_at = self._read_at + self._lifetime_s(self._read_at - started)
            self._changed.notify_all()
