"""The simulated miners: pollers, runs and endpoints as the code has them, over the measured costs."""

import math
import random
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field

from capacity.costs import SQLITE, Costs, Demand
from capacity.simulation import Process, Simulation, Station, served
from trellis_assets.domain.scheduling.prefetch import START_S
from trellis_assets.domain.scheduling.slot_polling import LONGEST_SLOT_POLL_S, SLOT_POLL_S, SLOT_POLL_SHARE
from trellis_assets.steps.generate_with_failover import YIELD_S
from trellis_assets.steps.lease_heartbeat import RENEW_EVERY_S
from trellis_assets.steps.poll_continuously import IDLE_REST_S
from trellis_assets.steps.poll_validators import POLL_CHECK_S

# Of the machine with PostgreSQL.
DATABASE_CORES = 8


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated. Times in seconds; `cooldown_s` 0 lifts the subnet's bound.

    Attributes:
        hands: runs at a time, over all machines.
        worker_cores: of all machines that execute runs, together.
        database_cores: that serve the store's PostgreSQL, and as many Dagster's.
    """

    endpoints: int
    generation_s: float
    miners: int
    validators: int
    hands: int
    worker_cores: int
    database_cores: int = DATABASE_CORES
    submission_s: float = 5.0
    pull_s: float = 0.3
    cooldown_s: float = 300.0
    throttle_s: float = 30.0
    max_waiting: int = 8


@dataclass(slots=True, eq=False)
class Miner:
    """One hotkey: its poller, when each validator may be polled, and its tasks that wait for an endpoint."""

    poller: Station
    due_at: list[float]
    waiting: int = 0
    owed: int = 0


@dataclass
class Subnet:
    """All miners over one store. `run` simulates, and fills in the figures."""

    scenario: Scenario
    costs: Costs
    simulation: Simulation = field(default_factory=Simulation)
    done: int = 0
    waits_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        scenario, simulation = self.scenario, self.simulation
        on_one_disk = self.costs.database == SQLITE
        servers = 1 if on_one_disk else scenario.database_cores
        self.store, self.log = Station(simulation, servers), Station(simulation, servers)
        # A run that looks for a free endpoint waits for the one that has the rows locked.
        self.slot_rows = Station(simulation, 1)
        self.broker = Station(simulation, 1)
        self.hands = Station(simulation, scenario.hands)
        self.cores = Station(simulation, scenario.worker_cores)
        self.endpoints = Station(simulation, scenario.endpoints)
        self._line: deque[object] = deque()
        self._ends: deque[float] = deque()
        chance = random.Random(17)
        self.miners = [self._miner(chance) for _ in range(scenario.miners)]

    def _miner(self, chance: random.Random) -> Miner:
        due = [chance.uniform(0, self.scenario.cooldown_s) for _ in range(self.scenario.validators)]
        miner = Miner(Station(self.simulation, 1), due)
        self.simulation.start(self._polling(miner), chance.uniform(0, IDLE_REST_S))
        return miner

    @property
    def stations(self) -> dict[str, Station]:
        """Return the shared stations by name."""
        shared = {"store": self.store, "slot rows": self.slot_rows, "event log": self.log}
        return shared | {"broker": self.broker, "run workers": self.hands, "worker CPU": self.cores}

    def run(self, warm_up_s: float, seconds: float) -> None:
        """Simulate; the figures are of the seconds after the warm-up."""
        self.simulation.run(warm_up_s)
        for station in (*self.stations.values(), self.endpoints, *(m.poller for m in self.miners)):
            station.forget()
        self.done, self.waits_s = 0, []
        self.simulation.run(warm_up_s + seconds)

    # --- polling --------------------------------------------------------------------------------

    def _polling(self, miner: Miner) -> Process:
        """Do the poller's rounds, as `PollingLoop` does."""
        while True:
            yield miner.poller
            yield from self._spend(self.costs.round)
            room, now = self._room(miner), self.simulation.now
            for number in [n for n, due in enumerate(miner.due_at) if due <= now][:room]:
                miner.due_at[number] = math.inf
                miner.owed += 1
                self.simulation.start(self._poll(miner, number))
            miner.poller.release()
            until_due_s = min(miner.due_at) - now if room else 0.0
            yield min(max(until_due_s, POLL_CHECK_S), IDLE_REST_S)

    def _room(self, miner: Miner) -> int:
        """Return how many tasks to poll for, as `prefetch_count` does."""
        now, ends = self.simulation.now, self._ends
        while ends and ends[0] <= now:
            ends.popleft()
        soon = 0
        for end in ends:
            if end > now + POLL_CHECK_S + START_S + self.scenario.pull_s:
                break
            soon += 1
        wanted = self.endpoints.free + soon - miner.waiting
        return max(0, min(wanted, self.scenario.max_waiting - miner.waiting) - miner.owed)

    def _poll(self, miner: Miner, number: int) -> Process:
        yield miner.poller
        yield from self._spend(self.costs.asking)
        miner.poller.release()
        yield self.scenario.pull_s
        assigned_at = self.simulation.now
        yield miner.poller
        miner.owed -= 1
        miner.waiting += 1
        yield from self._spend(self.costs.arrival)
        miner.poller.release()
        self.simulation.start(self._run(miner, number, assigned_at))

    # --- who works ------------------------------------------------------------------------------

    def _run(self, miner: Miner, number: int, assigned_at: float) -> Process:
        yield from served(self.broker, self.costs.broker_s)
        yield self.hands
        yield from self._work(self.costs.dagster)
        yield from self._work(self.costs.claim)
        yield from self._endpoint()
        miner.waiting -= 1
        self.waits_s.append(self.simulation.now - assigned_at)
        self._ends.append(self.simulation.now + self.scenario.generation_s)
        yield from self._renewing(self.scenario.generation_s)
        yield from self._work(self.costs.release_slot)
        self.endpoints.release()
        yield from self._work(self.costs.generate)
        yield from self._work(self.costs.validate)
        yield from self._work(self.costs.submit)
        yield from self._renewing(self.scenario.submission_s)
        self.hands.release()
        self.done += 1
        now, scenario = self.simulation.now, self.scenario
        earliest = max(now + scenario.cooldown_s - scenario.throttle_s, assigned_at + scenario.cooldown_s)
        miner.due_at[number] = earliest if scenario.cooldown_s else now

    def _endpoint(self) -> Process:
        """Wait for an endpoint and take it, as `GenerateWithFailoverStep` does."""
        me, since, free_since = object(), self.simulation.now, math.inf
        self._line.append(me)
        while True:
            yield from self._work(self.costs.look)
            now = self.simulation.now
            free_since = min(free_since, now) if self.endpoints.free else math.inf
            if self.endpoints.free and (yield from self._is_my_turn(me, now - free_since)):
                yield self.slot_rows
                yield from self._work(self.costs.acquire_slot)
                self.slot_rows.release()
                if self.endpoints.free:
                    break
            waited_s = self.simulation.now - since
            yield min(max(waited_s * SLOT_POLL_SHARE, SLOT_POLL_S), LONGEST_SLOT_POLL_S)
        self._line.remove(me)
        yield self.endpoints  # free just now: got at once

    def _is_my_turn(self, me: object, free_for_s: float) -> Generator[float | Station, None, bool]:
        if free_for_s >= YIELD_S:
            return True
        yield from self._work(self.costs.in_line)
        return self._line[0] is me

    def _renewing(self, seconds: float) -> Process:
        """Pass so many seconds, renewing the leases meanwhile."""

        def renewals() -> Process:
            for _ in range(int(seconds / RENEW_EVERY_S)):
                yield RENEW_EVERY_S
                yield from self._spend(self.costs.renewal)

        self.simulation.start(renewals())
        yield seconds

    def _work(self, demand: Demand) -> Process:
        """Do a part of a run, which keeps a core of the workers busy."""
        yield from served(self.cores, demand.own_s)
        yield from self._spend(Demand(0.0, demand.store_s, demand.log_s))

    def _spend(self, demand: Demand) -> Process:
        if demand.own_s:
            yield demand.own_s
        if demand.store_s:
            yield from served(self.store, demand.store_s)
        if demand.log_s:
            yield from served(self.log, demand.log_s)
