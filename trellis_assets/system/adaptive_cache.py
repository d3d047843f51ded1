"""A cache whose entries live longer the longer they take to read."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class AdaptiveCache(Generic[T]):
    """Caches one value for `times_cheaper` times as long as the last read took.

    Attributes:
        value: what was read last; before the first read, the value that the cache is created with.
        times_cheaper: reading takes at most one part in `times_cheaper + 1` of the time.
        cheap_s: what is read within so many seconds is not cached.
        is_fresh: whether the last `get` read the value.

    Example:
        With `times_cheaper` 20, a read that takes 0.1 s is repeated after 2 s at the earliest.
    """

    value: T
    times_cheaper: int
    cheap_s: float = 0.0
    timer: Callable[[], float] = time.monotonic
    is_fresh: bool = False
    _expires_at: float = 0.0

    def get(self, read: Callable[[], T]) -> T:
        """Return the cached value, or read it when the cache has expired.

        An error of `read` is raised, and the next call reads again.
        """
        started_at = self.timer()
        self.is_fresh = started_at >= self._expires_at
        if self.is_fresh:
            self.value = read()
            took_s = self.timer() - started_at
            self._expires_at = started_at + (self.times_cheaper * took_s if took_s > self.cheap_s else 0.0)
        return self.value
