"""Values that a process makes once, whichever of its threads needs one first."""

from collections.abc import Callable
from functools import cache, wraps
from threading import RLock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[P, T]) -> Callable[P, T]:
    """Return a function that makes the value of the same arguments once; others wait for it.

    `functools.cache` alone calls `make` in every thread that comes before the first value is there, and each
    of these threads gets a value of its own.
    """
    cached, lock = cache(make), RLock()

    @wraps(make)
    def get(*args: P.args, **kwargs: P.kwargs) -> T:
        with lock:
            return cached(*args, **kwargs)  # type: ignore[arg-type]

    return get
