"""Caches of one value that is read again when it has expired."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class ExpiringCache(Generic[T]):
    """Caches one value for a while.

    Attributes:
        value: what was read last; before the first read, the value that the cache is created with.
        lifetime_s: seconds from the start of a read until the next one, by how long the read took.
        is_fresh: whether the last `get` read the value.

    Examples:
        >>> times = iter([0.0, 0.1, 4.9, 5.1, 5.2])
        >>> cache = ExpiringCache("", lifetime_s=lambda took_s: 5.0, timer=times.__next__)
        >>> values = iter(["first", "second"])
        >>> [cache.get(values.__next__) for _ in range(3)]
        ['first', 'first', 'second']
    """

    value: T
    lifetime_s: Callable[[float], float]
    timer: Callable[[], float] = time.monotonic
    is_fresh: bool = False
    _expires_at: float = 0.0

    def get(self, read: Callable[[], T]) -> T:
        """Return the cached value, or read it if the cache has expired.

        An error of `read` is raised, and the next call reads again.
        """
        started_at = self.timer()
        self.is_fresh = started_at >= self._expires_at
        if self.is_fresh:
            self.value = read()
            self._expires_at = started_at + self.lifetime_s(self.timer() - started_at)
        return self.value

    def expire(self) -> None:
        """Have the next `get` read the value."""
        self._expires_at = 0.0


class AdaptiveCache(ExpiringCache[T]):
    """An expiring cache whose value lives the longer the longer its read took.

    Example:
        With `times_cheaper` 20, a read that takes 0.1 s is repeated after 2 s at the earliest.
    """

    def __init__(
        self,
        value: T,
        times_cheaper: int,
        cheap_s: float = 0.0,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the cache.

        Args:
            value: before the first read.
            times_cheaper: reading takes at most one part in `times_cheaper` of the time.
            cheap_s: what is read within so many seconds is not cached.
            timer: seconds of a clock that is never set back.
        """

        def lifetime_s(took_s: float) -> float:
            return times_cheaper * took_s if took_s > cheap_s else 0.0

        super().__init__(value, lifetime_s, timer)
