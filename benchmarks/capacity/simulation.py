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
    """Time, and who goes on when. `now` is in seconds from the beginning."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Process]] = []
        self._order = count()

    def start(self, process: Process, after_s: float = 0.0) -> None:
        """The process goes on after so long; of several at one moment, in the order of these calls."""
        heapq.heappush(self._due, (self.now + after_s, next(self._order), process))

    def run(self, until_s: float) -> None:
        """It is `until_s`, and everything due until then has happened."""
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
    """Some servers with one queue before them: first come, first served."""

    def __init__(self, simulation: Simulation, servers: int) -> None:
        self._simulation = simulation
        self.servers = servers
        self.taken = 0
        self._queue: deque[Process] = deque()
        self._since = self._changed = simulation.now
        self._busy_s = 0.0

    @property
    def free(self) -> int:
        """Servers that nobody has."""
        return self.servers - self.taken

    @property
    def waiting(self) -> int:
        """Processes that wait for a server."""
        return len(self._queue)

    def take(self, process: Process) -> bool:
        """Whether the process has a server now; else it goes on when it gets one."""
        if self.free:
            self._account()
            self.taken += 1
            return True
        self._queue.append(process)
        return False

    def release(self) -> None:
        """A server is given back, or goes to who has waited longest."""
        if self._queue:
            self._simulation.start(self._queue.popleft())
            return
        self._account()
        self.taken -= 1

    def forget(self) -> None:
        """Utilisation counts from now on."""
        self._account()
        self._since, self._busy_s = self._simulation.now, 0.0

    @property
    def utilisation(self) -> float:
        """The share of the servers' time that they were taken, since it counts."""
        self._account()
        passed_s = self._simulation.now - self._since
        return self._busy_s / (passed_s * self.servers) if passed_s > 0 else 0.0

    def _account(self) -> None:
        now = self._simulation.now
        self._busy_s += self.taken * (now - self._changed)
        self._changed = now


def served(station: Station, seconds: float) -> Process:
    """A server of the station was busy with it for so long."""
    yield station
    yield seconds
    station.release()
