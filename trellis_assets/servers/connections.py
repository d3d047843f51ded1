"""Decide which connections a server keeps: bounded in number, and in time for each phase.

Decisions only; `serving` applies them to sockets. A connection that waits for a request costs its peer
nothing, so it is closed first when there is no room: idle connections cannot block a server.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from trellis_assets.servers.hosts import LOOPBACK
from trellis_assets.system.compat import StrEnum

# Descriptors that stay free for what the process opens besides: files, databases, threads.
_SPARE_DESCRIPTORS = 64
_LEAST_CONNECTIONS = 8
# Bytes that a peer must take from us within `send_s` to count as reading.
SEND_STEP = 64 * 1024


class Phase(StrEnum):
    """What a connection is doing."""

    HEADERS = "waiting for the headers of a request"
    BODY = "receiving a body"
    WORKING = "answering"
    WEBSOCKET = "a websocket"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How much one peer, and all of them, may hold.

    Attributes:
        total: connections at a time.
        per_peer: of one address; loopback is many callers behind one address and has only the total.
        header_s: from the connection, or from the last response, to the end of the headers.
        body_s: for a body, and one second more for every `body_rate` bytes of it that have come.
        send_s: in which the peer must have taken `SEND_STEP` bytes, or all, of what waits for it.
        header_bytes: of one request's headers; more may be what arrives in one read (256 KiB at most).
    """

    total: int = 256
    per_peer: int = 64
    header_s: float = 10.0
    body_s: float = 20.0
    body_rate: int = 16 * 1024
    send_s: float = 30.0
    header_bytes: int = 32 * 1024


@dataclass(slots=True, eq=False)
class Connection:
    """What is known of a connection. Times are of one monotonic clock, in seconds.

    Attributes:
        since: when its phase began.
        received: bytes that came in the phase.
        unsent: bytes that waited for the peer when it last took some; 0 where nothing waits.
        unsent_since: when that was.
    """

    peer: str
    since: float
    phase: Phase = Phase.HEADERS
    received: int = 0
    unsent: int = 0
    unsent_since: float = 0.0

    def enter(self, phase: Phase, now: float) -> None:
        """Note the phase; the time of a phase begins with it, not with every byte of it."""
        if phase is not self.phase:
            self.phase, self.since, self.received = phase, now, 0

    def note_unsent(self, size: int, now: float) -> None:
        """Note how many bytes wait for the peer."""
        if size == 0 or self.unsent == 0 or size <= self.unsent - SEND_STEP:
            self.unsent, self.unsent_since = size, now

    def is_overdue(self, limits: ConnectionLimits, now: float) -> bool:
        """Return whether the peer is past its deadline.

        With 20 s for a body and 16 KiB/s, a peer that has sent 160 KiB has had 30 s.
        """
        if self.unsent and now - self.unsent_since > limits.send_s:
            return True
        age = now - self.since
        if self.phase is Phase.HEADERS:
            return age > limits.header_s and self.unsent == 0
        return self.phase is Phase.BODY and age > limits.body_s + self.received / limits.body_rate


def affordable(limits: ConnectionLimits, file_limit: int, open_files: int) -> int:
    """Return how many connections fit below the limit of open files: half of what is free.

    With 256 files, 40 of them open, 76 connections: (256 - 40 - 64) / 2.
    """
    free = (file_limit - open_files - _SPARE_DESCRIPTORS) // 2
    return min(limits.total, max(_LEAST_CONNECTIONS, free))


Key = TypeVar("Key", bound=Hashable)


class ConnectionTable(Generic[Key]):
    """The connections of a server by whatever identifies them."""

    def __init__(self, limits: ConnectionLimits, total: int) -> None:
        self.limits, self._total = limits, total
        self._open: dict[Key, Connection] = {}

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, key: Key, peer: str, now: float) -> tuple[Connection | None, Key | None]:
        """Return the new connection, or None where there is no room, and the one to close for it."""
        peers = Counter(connection.peer for connection in self._open.values())
        victim = None
        if peer not in LOOPBACK and peers[peer] >= self.limits.per_peer:
            victim = self._oldest_waiting({peer})
        elif len(self._open) >= self._total:
            # One of the peer with the most connections, so that a flood does not close the others'.
            waiting = {c.peer for c in self._open.values() if c.phase is Phase.HEADERS}
            most = max((peers[name] for name in waiting), default=0)
            victim = self._oldest_waiting({name for name in waiting if peers[name] == most})
        else:
            return self._add(key, peer, now), None
        if victim is None:
            return None, None
        del self._open[victim]
        return self._add(key, peer, now), victim

    def may_upgrade(self) -> bool:
        """Return whether there is room for one more websocket; half of all connections may be one."""
        held = sum(connection.phase is Phase.WEBSOCKET for connection in self._open.values())
        return held < self._total // 2

    def drop(self, key: Key) -> None:
        """Forget a connection, if it is known."""
        self._open.pop(key, None)

    def overdue(self, now: float) -> list[Key]:
        """Return the connections to close."""
        return [key for key, connection in self._open.items() if connection.is_overdue(self.limits, now)]

    def members(self) -> list[Key]:
        """Return all connections."""
        return list(self._open)

    def _add(self, key: Key, peer: str, now: float) -> Connection:
        self._open[key] = connection = Connection(peer, now)
        return connection

    def _oldest_waiting(self, peers: Iterable[str]) -> Key | None:
        waiting = ((key, c) for key, c in self._open.items() if c.phase is Phase.HEADERS and c.peer in peers)
        found = min(waiting, key=lambda item: item[1].since, default=None)
        return found[0] if found else None
