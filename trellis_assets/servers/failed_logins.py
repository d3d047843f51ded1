"""Exponential back-off after wrong tokens, by address, bounded in memory."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from trellis_assets.domain.backoff import BackoffPolicy

_FREE_TRIES = 5
_BACKOFF = BackoffPolicy.doubling(2, 60, jitter=0.0)
_FORGOTTEN_AFTER_S = 900.0
# Addresses that are remembered; the least recently seen is dropped first.
_MAX_PEERS = 4096


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class FailedLogins:
    """Wrong tokens by address.

    The first five cost no wait; after the sixth the address waits for 2 s, then 4, 8, at most 60. The right
    token is refused too while it waits: otherwise parallel guesses would not wait at all.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, peer: str) -> int:
        """Return the whole seconds that the address must still wait; 0 if it may try."""
        failures = self._failures.get(peer)
        if failures is None or failures.count <= _FREE_TRIES:
            return 0
        delay = _BACKOFF.delay(failures.count - _FREE_TRIES).total_seconds()
        return max(0, math.ceil(failures.last + delay - self._clock()))

    def add(self, peer: str) -> None:
        """Count a wrong token."""
        now = self._clock()
        known = self._failures.pop(peer, None)
        if known is None or now - known.last > _FORGOTTEN_AFTER_S:
            known = _Failures(0, now)
        known.count, known.last = known.count + 1, now
        self._failures[peer] = known
        if len(self._failures) > _MAX_PEERS:
            self._failures.popitem(last=False)

    def clear(self, peer: str) -> None:
        """Forget the wrong tokens of an address that gave the right one."""
        self._failures.pop(peer, None)
