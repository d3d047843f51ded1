"""A cache that is bounded in entries and in size: the least recently used entries go."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Least-recently-used cache. Safe to use from several threads.

    Examples:
        >>> cache = BoundedCache(entries=2)
        >>> for key in "abc":
        ...     cache.keep(key, key.upper())
        >>> cache.get("a"), cache.get("b"), cache.get("c")
        (None, 'B', 'C')
    """

    def __init__(
        self, entries: int, size: int | None = None, size_of: Callable[[V], int] = lambda _value: 0
    ) -> None:
        """Create an empty cache.

        Args:
            entries: at most.
            size: sum of the sizes at most, unless one entry alone is larger; None: no bound.
            size_of: of a value, in the unit of `size`.
        """
        self._most, self._size, self._size_of = entries, size, size_of
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """Return the value of the key; None if it is not cached."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def keep(self, key: K, value: V) -> None:
        """Cache the value; the least recently used ones go if there is no room. The newest always stays."""
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            while len(self._entries) > 1 and not self._has_room():
                self._entries.popitem(last=False)

    def pop(self, key: K) -> V | None:
        """Return the value of the key and forget it; None if it is not cached."""
        with self._lock:
            return self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget every entry."""
        with self._lock:
            self._entries.clear()

    def _has_room(self) -> bool:
        if len(self._entries) > self._most:
            return False
        return self._size is None or sum(map(self._size_of, self._entries.values())) <= self._size
