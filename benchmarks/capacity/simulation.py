"""A small discrete-event simulation: processes that wait, and stations that serve them in their order.

A process is a generator. It yields seconds to let pass, or a station to get one of its servers, which it
gives back by `release`.
"""

import heapq
from collections import deque
from collections.abc import Generator
from itertools import count
from typing import Union

Process = Generator[Union[float, "Station"], None, None]


class Simulation:
    """The clock and the processes that wait for a time. `now` is in seconds from the beginning."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Process]] = []
        self._order = count()

    def start(self, process: Process, after_s: float = 0.0) -> None:
        """Resume the process after so many seconds; several of one moment, in the order of these calls."""
        heapq.heappush(self._due, (self.now + after_s, next(self._order), process))

    def run(self, until_s: float) -> None:
        """Do everything that is due until `until_s`."""
        while self._due and self._due[0][0] <= until_s:
            self.now, _, process = heapq.heappop(self._due)
            self._advance(process)
        self.now = until_s

    def _advance(self, process: Process) -> None:
        for wish in process:
            if not isinstance(wish, Station):
                self.start(process, wish)
                return
            if not wish.take(process):
                return


class Station:
    """Some servers with one queue: first come, first served."""

    def __init__(self, simulation: Simulation, servers: int) -> None:
        self._simulation = simulation
        self.servers = servers
        self.taken = 0
        self._queue: deque[Process] = deque()
        self._since = self._changed = simulation.now
        self._busy_s = 0.0

    @property
    def free(self) -> int:
        """Return how many servers are free."""
        return self.servers - self.taken

    @property
    def waiting(self) -> int:
        """Return how many processes wait for a server."""
        return len(self._queue)

    def take(self, process: Process) -> bool:
        """Take a server if one is free, and return whether; else the process resumes when it gets one."""
        if self.free:
            self._account()
            self.taken += 1
            return True
        self._queue.append(process)
        return False

    def release(self) -> None:
        """Give a server back, or to the process that has waited longest."""
        if self._queue:
            self._simulation.start(self._queue.popleft())
            return
        self._account()
        self.taken -= 1

    def forget(self) -> None:
        """Count utilisation from now on."""
        self._account()
        self._since, self._busy_s = self._simulation.now, 0.0

    @property
    def utilisation(self) -> float:
        """Return the share of time that the servers were busy since `forget`."""
        self._account()
        passed_s = self._simulation.now - self._since
        return self._busy_s / (passed_s * self.servers) if passed_s > 0 else 0.0

    def _account(self) -> None:
        now = self._simulation.now
        self._busy_s += self.taken * (now - self._changed)
        self._changed = now


def served(station: Station, seconds: float) -> Process:
    """Keep a server of the station busy for so many seconds."""
    yield station
    yield seconds
    station.release()
