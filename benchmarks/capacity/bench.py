"""Measure what a task costs, and simulate 1 to 1,000 endpoints on it: the tables of docs/capacity.md."""

import argparse
import logging
import math
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from capacity import dagster_runs, surroundings
from capacity.busy_store import HISTORY, VALIDATORS
from capacity.costs import POSTGRESQL, SQLITE, Costs, costs_of
from capacity.lifecycles import SPLATS, LifecycleCosts, measure_lifecycles
from capacity.miners import DATABASE_CORES, Scenario, Subnet
from trellis_assets.testing.postgres_server import PostgresServer

ENDPOINTS = (1, 10, 100, 1_000)
GENERATION_S = (30.0, 5.0)
# Keys that a subnet has room for, validators included (protocol.md).
PLACES = 256
# Without the subnet's bound only this many and more are of interest.
UNBOUND_FROM = 100
CORES_PER_ENDPOINT = 2
OPERATIONS = (
    *(
        "claims.claim",
        "tasks.move",
        "tasks.settle",
        "endpoints.named",
        "slots.is_next_in_line",
        "slots.acquire",
        "slots.release",
        "tasks.active",
    ),
    "arrivals.record",
)
_FULL, _QUICK = {"lifecycles": 40, "runs": 20}, {"lifecycles": 10, "runs": 5}
# Endpoints that are busy for this share have all they need.
FED = 0.95
WARM_UP_S, MEASURED_S = 330.0, 300.0
Row = dict[str, float | str]
Say = Callable[[str], None]


def options() -> argparse.ArgumentParser:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--small", action="store_true", help="a quarter of the tasks: minutes, less exact")
    return parser


def main(given: argparse.Namespace, say: Say) -> dict[str, list[Row]]:
    """Return the tables by name."""
    many = _QUICK if given.small else _FULL
    logging.disable(logging.CRITICAL)
    around = surroundings.poll_cost() | surroundings.broker_cost()
    say(f"polls and broker: {around}")
    lifecycles: dict[tuple[str, int], LifecycleCosts] = {}
    dagster: dict[str, dict[str, float]] = {}
    for database in (SQLITE, POSTGRESQL):
        with _databases(database) as new:
            dagster[database] = dagster_runs.main(many["runs"], new(), new())
            say(f"{database}, Dagster: {dagster[database]}")
        for endpoints in ENDPOINTS:
            with _databases(database) as new, tempfile.TemporaryDirectory() as folder:
                url = new() or f"sqlite:///{folder}/trellis.db"
                lifecycles[database, endpoints] = measure_lifecycles(
                    url, Path(folder), endpoints=endpoints, tasks=many["lifecycles"]
                )
            say(f"{database}, {endpoints} endpoints: measured")
    costs = {
        (database, endpoints): costs_of(
            database,
            endpoints,
            asked=found.asked,
            stage_cpu_s=found.cpu_s,
            tasks=found.tasks,
            dagster=dagster[database],
            around=around,
        )
        for (database, endpoints), found in lifecycles.items()
    }
    return {
        "capacity_bound": bounds(),
        "capacity_costs": cost_rows(lifecycles, dagster, around),
        "capacity_operations": operation_rows(lifecycles),
        "capacity_limits": limit_rows(costs),
        "capacity_simulation": simulated(costs, say),
    }


def note(given: argparse.Namespace) -> str:
    """Return the conditions that the figures were measured under."""
    many = _QUICK if given.small else _FULL
    return (
        f"medians over {many['lifecycles']} tasks in a store with {HISTORY:,} more, of models of {SPLATS:,} "
        f"splats, and over {many['runs']} runs of Dagster; both databases synced to this machine's disk; "
        f"its load before was {os.getloadavg()[0]:.1f}"
    )


@contextmanager
def _databases(database: str) -> Iterator[Callable[[], str | None]]:
    """Yield a function that makes URLs of new databases; None stands for files of SQLite."""
    if database == SQLITE:
        yield lambda: None
        return
    server = PostgresServer(is_durable=True)
    try:
        yield server.empty_database
    finally:
        server.close()


def bounds() -> list[Row]:
    """Return the rates that the subnet allows, whatever a miner runs on."""
    rows: list[Row] = []
    for validators in (5, VALIDATORS, 64):
        a_miner = validators / 300
        all_of_them = a_miner * (PLACES - validators)
        row: Row = {"validators": validators, "one_miner_tasks_per_hour": a_miner * 3600}
        row["endpoints_a_miner_keeps_busy_at_30_s"] = a_miner * 30
        row["all_places_tasks_per_hour"] = all_of_them * 3600
        row["endpoints_all_places_keep_busy_at_30_s"] = all_of_them * 30
        rows.append(row)
    return rows


def cost_rows(
    lifecycles: Mapping[tuple[str, int], LifecycleCosts],
    dagster: Mapping[str, Mapping[str, float]],
    around: Mapping[str, float],
) -> list[Row]:
    """Return what one task costs, with one endpoint in the store."""

    def both(measure: str, of: Callable[[str], float]) -> Row:
        return {"measure": measure} | {database: of(database) for database in (SQLITE, POSTGRESQL)}

    def transactions(database: str, kind: str) -> float:
        found = lifecycles[database, 1]
        lived = [a for (stage, _), a in found.asked.items() if stage not in {"round", "renewal"}]
        total: float = sum(getattr(asked, kind) for asked in lived)
        return total / found.tasks

    def steps_cpu(database: str) -> float:
        found = lifecycles[database, 1]
        return sum(s for stage, s in found.cpu_s.items() if stage not in {"round", "renewal"}) / found.tasks

    return [
        both("store: transactions that write", lambda d: transactions(d, "writes")),
        both("store: transactions that read", lambda d: transactions(d, "reads")),
        both("store: bytes in the database", lambda d: lifecycles[d, 1].row_bytes),
        both("files: bytes of SPZ and PLY", lambda d: float(lifecycles[d, 1].file_bytes)),
        both("steps: CPU seconds, store included, generator and validator not", steps_cpu),
        both("Dagster: CPU seconds to make and launch the run", lambda d: dagster[d]["create_cpu_s"]),
        both("Dagster: CPU seconds to execute it", lambda d: dagster[d]["empty_cpu_s"]),
        both("Dagster: seconds at its storage", lambda d: _sum(dagster[d], "storage_s")),
        both("Dagster: events", lambda d: dagster[d]["events"]),
        both("Dagster: bytes in the event log, picture included", lambda d: dagster[d]["event_bytes"]),
        both("one pull: CPU seconds", lambda _d: around["poll_cpu_s"]),
        both("broker: CPU seconds of Redis", lambda d: math.nan if d == SQLITE else _broker(around)),
    ]


def _sum(found: Mapping[str, float], unit: str) -> float:
    return found[f"create_{unit}"] + found[f"empty_{unit}"]


def _broker(around: Mapping[str, float]) -> float:
    return around.get("broker_s", math.nan)


def operation_rows(lifecycles: Mapping[tuple[str, int], LifecycleCosts]) -> list[Row]:
    """Return the milliseconds of one call, by number of endpoints."""
    rows: list[Row] = []
    for database in (SQLITE, POSTGRESQL):
        for name in OPERATIONS:
            row: Row = {"database": database, "operation": name}
            for endpoints in ENDPOINTS:
                asked = lifecycles[database, endpoints].asked
                seconds = [s for (_, method), a in asked.items() if method == name for s in a.seconds]
                row[f"ms_at_{endpoints:,}"] = 1000 * statistics.median(seconds)
            rows.append(row)
    return rows


def limit_rows(costs: Mapping[tuple[str, int], Costs]) -> list[Row]:
    """Return the tasks per second that each part could serve if it did nothing else."""
    rows: list[Row] = []
    for (database, endpoints), cost in costs.items():
        servers = 1 if database == SQLITE else DATABASE_CORES
        a_task = cost.arrival + cost.run
        limits = {
            "store": servers / a_task.store_s,
            "slot_rows": 1 / cost.acquire_slot.total_s,
            "event_log": servers / a_task.log_s,
            "one_poller": 1 / (cost.asking + cost.arrival).total_s,
            "a_worker_core": 1 / cost.run.own_s,
            "broker": 1 / cost.broker_s if cost.broker_s else math.nan,
        }
        first = min(("store", "slot_rows", "event_log"), key=limits.__getitem__)
        row: Row = {"database": database, "endpoints": endpoints, **limits}
        rows.append(row | {"first": first.replace("_", " ")})
    return rows


def simulated(costs: Mapping[tuple[str, int], Costs], say: Say) -> list[Row]:
    """Simulate all scenarios: under the subnet's rules, and with validators that always have a task."""
    rows = []
    for (_, endpoints), cost in costs.items():
        for generation_s in GENERATION_S:
            for is_bound in (True, False):
                if is_bound or endpoints >= UNBOUND_FROM:
                    rows.append(outcome(scenario_for(endpoints, generation_s, is_bound=is_bound), cost))
                    say(f"simulated: {rows[-1]}")
    return rows


def scenario_for(endpoints: int, generation_s: float, *, is_bound: bool) -> Scenario:
    """Return a scenario with enough workers, and miners if the subnet has places, to keep endpoints busy."""
    usual = Scenario(endpoints, generation_s, 1, VALIDATORS, 1, 1)
    needed = endpoints / generation_s
    run_s = generation_s + usual.submission_s + 2
    cycle_s = usual.cooldown_s if is_bound else run_s
    return Scenario(
        endpoints=endpoints,
        generation_s=generation_s,
        miners=min(PLACES - VALIDATORS, math.ceil(1.2 * needed * cycle_s / VALIDATORS)),
        validators=VALIDATORS,
        hands=math.ceil(1.5 * needed * run_s) + 2,
        worker_cores=CORES_PER_ENDPOINT * endpoints,
        cooldown_s=usual.cooldown_s if is_bound else 0.0,
    )


def outcome(scenario: Scenario, costs: Costs, seconds: float = MEASURED_S) -> Row:
    """Return the figures of a scenario, and its busiest part."""
    subnet = Subnet(scenario, costs)
    subnet.run(WARM_UP_S, seconds)
    rate, busy = subnet.done / seconds, subnet.endpoints.utilisation
    shares = {name: station.utilisation for name, station in subnet.stations.items()}
    shares["a poller"] = max(miner.poller.utilisation for miner in subnet.miners)
    shares["validators"] = rate * scenario.cooldown_s / (scenario.validators * scenario.miners)
    row: Row = {
        "database": costs.database,
        "endpoints": scenario.endpoints,
        "generation_s": scenario.generation_s,
        "cooldown_s": scenario.cooldown_s,
        "miners": scenario.miners,
        "runs_at_a_time": scenario.hands,
        "tasks_per_hour": rate * 3600,
        "endpoints_busy": round(busy, 3),
        "wait_p50_s": statistics.median(subnet.waits_s) if subnet.waits_s else math.nan,
    }
    row |= {name.replace(" ", "_"): round(share, 3) for name, share in shares.items()}
    return row | {"busiest": "endpoints" if busy >= FED else max(shares, key=shares.__getitem__)}
