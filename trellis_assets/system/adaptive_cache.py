"""Reading what is costly no oftener than it is cheap."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Sparing(Generic[T]):
    """Remembers what was read, so that reading takes one part of the time in so many at most.

    Attributes:
        value: what was read last; before that, what it is begun with.
        spared: how many parts.
        cheap_s: what is read faster than this is read each time.
        is_fresh: whether the last look read it.
    """

    value: T
    spared: int
    cheap_s: float = 0.0
    timer: Callable[[], float] = time.monotonic
    is_fresh: bool = False
    _again_at: float = 0.0

    def look(self, read: Callable[[], T]) -> T:
        """As it is, or was a moment ago. What `read` raises is raised, and the next look reads again."""
        began = self.timer()
        self.is_fresh = began >= self._again_at
        if self.is_fresh:
            self.value = read()
            took = self.timer() - began
            self._again_at = began + (self.spared * took if took > self.cheap_s else 0.0)
        return self.value
