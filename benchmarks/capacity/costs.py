"""What the simulation takes from the measurements: how long each part of a task's life keeps whom busy."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from capacity.recorder import Asked

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
# The simulation asks for endpoints by itself, as often as the code does.
OF_SLOTS = frozenset({"endpoints.named", "slots.is_next_in_line", "slots.acquire", "slots.release"})


@dataclass(frozen=True, slots=True)
class Demand:
    """Seconds that one part of a task's life takes: in its process, in the store and in Dagster's storage."""

    own_s: float = 0.0
    store_s: float = 0.0
    log_s: float = 0.0

    def __add__(self, other: "Demand") -> "Demand":
        return Demand(self.own_s + other.own_s, self.store_s + other.store_s, self.log_s + other.log_s)

    @property
    def total_s(self) -> float:
        """Return the seconds from its beginning to its end without waiting."""
        return self.own_s + self.store_s + self.log_s

    def times(self, count: float) -> "Demand":
        """Return the demand of so many."""
        return Demand(self.own_s * count, self.store_s * count, self.log_s * count)


@dataclass(frozen=True, slots=True)
class Costs:
    """What each part of a task's life costs over one database, with so many endpoints in the store.

    Attributes:
        round: one round of the poller that reads the store and finds nothing due.
        asking: one pull, until its request is sent.
        arrival: a task that came, until its run is at the launcher.
        claim, generate, validate, submit: stages of its run; `generate` without the endpoint's own time.
        renewal: extending its leases, every 8 s.
        look, in_line, acquire_slot, release_slot: looking for a free endpoint once, finding out whose turn it
            is, taking the endpoint and giving it back.
        dagster: the run's own events.
        broker_s: seconds of one run at the broker; 0 where there is none.
    """

    database: str
    endpoints: int
    round: Demand
    asking: Demand
    arrival: Demand
    claim: Demand
    generate: Demand
    validate: Demand
    submit: Demand
    renewal: Demand
    look: Demand
    in_line: Demand
    acquire_slot: Demand
    release_slot: Demand
    dagster: Demand
    broker_s: float

    @property
    def run(self) -> Demand:
        """Return what happens once per run, without what depends on how long it waits."""
        parts = (self.claim, self.generate, self.validate, self.submit, self.dagster)
        return sum((*parts, self.look, self.in_line, self.acquire_slot, self.release_slot), Demand())


def costs_of(
    database: str,
    endpoints: int,
    *,
    asked: Mapping[tuple[str, str], Asked],
    stage_cpu_s: Mapping[str, float],
    tasks: int,
    dagster: Mapping[str, float],
    around: Mapping[str, float],
) -> Costs:
    """Return the measurements by part of a task's life.

    Args:
        database: SQLITE or POSTGRESQL.
        endpoints: in the store where it was measured.
        asked: calls by stage and method of the store, over all tasks.
        stage_cpu_s: by stage, over all tasks, calls of the store included.
        tasks: how many were mined.
        dagster: what `capacity.dagster_runs` measured.
        around: what `capacity.surroundings` measured.
    """

    def stage(name: str, without: Iterable[str] = ()) -> Demand:
        questions = [a for (of, method), a in asked.items() if of == name and method not in without]
        spent = sum((question_of(database, a).times(len(a.seconds) / tasks) for a in questions), Demand())
        in_store_s = sum(sum(a.cpu_s) for (of, _), a in asked.items() if of == name)
        beside_s = max(0.0, stage_cpu_s.get(name, 0.0) - in_store_s) / tasks
        return Demand(beside_s) + spent

    def one(name: str) -> Demand:
        (found,) = [a for (of, method), a in asked.items() if (of, method) == ("generate", name)]
        return question_of(database, found)

    return Costs(
        database=database,
        endpoints=endpoints,
        round=stage("round"),
        asking=Demand(around["poll_cpu_s"]),
        arrival=stage("ask") + stage("dispatch") + _dagster(dagster, "create"),
        claim=one("claims.claim"),
        generate=stage("generate", OF_SLOTS | {"claims.claim"}),
        validate=stage("validate"),
        submit=stage("submit"),
        renewal=stage("renewal"),
        look=one("endpoints.named"),
        in_line=one("slots.is_next_in_line"),
        acquire_slot=one("slots.acquire"),
        release_slot=one("slots.release"),
        dagster=_dagster(dagster, "empty"),
        broker_s=around.get("broker_s", 0.0) if database == POSTGRESQL else 0.0,
    )


def question_of(database: str, asked: Asked) -> Demand:
    """Return the median seconds of one call of a method.

    Writers of SQLite exclude each other from begin to commit; its readers do not block.
    With PostgreSQL, the time that the calling process does not compute is the server's.
    """
    seconds, cpu_s = statistics.median(asked.seconds), statistics.median(asked.cpu_s)
    if database == SQLITE:
        return Demand(store_s=seconds) if asked.writes else Demand(own_s=seconds)
    return Demand(own_s=cpu_s, store_s=max(0.0, seconds - cpu_s))


def _dagster(found: Mapping[str, float], what: str) -> Demand:
    """Return what making a run costs, or executing its ops.

    In SQLite each run has a file of its own: only the waits for the disk are shared, as those for a server.
    """
    waits_s = found[f"{what}_storage_s"] - found[f"{what}_storage_cpu_s"]
    return Demand(own_s=found[f"{what}_cpu_s"], log_s=max(0.0, waits_s))
