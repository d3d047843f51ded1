"""Measure two miners with one, two and three worker hosts, each time from the start, in one go."""

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import psutil
from orchestration.logs import figures
from orchestration.metering import cpu_seconds

from scaling.cluster import Load, cluster
from scaling.hosts import Hosts, hosts
from scaling.results import Cluster, wait_accepted

WORKERS = (1, 2, 3)
TASKS = 200
# Results of each miner before the measuring begins.
WARM_UP_EACH = 5
WARM_UP_TIMEOUT_S = 180.0
# A task that takes longer than this on average is not measured but given up.
SLOWEST_TASK_S = 6.0
Row = dict[str, float | str]


def options() -> argparse.ArgumentParser:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--scaling-tasks", type=int, default=TASKS, help="measured for each number of workers"
    )
    parser.add_argument("--scaling-service-s", type=float, default=Load().service_s, help="of an endpoint")
    parser.add_argument("--workers", type=int, action="append", default=[], help="so many worker hosts only")
    parser.add_argument("--keep-scaling", type=Path, help="folder that logs and stores are left in")
    return parser


def measure(around: Cluster, load: Load, tasks: int) -> Row:
    """Measure how fast so many results came after the warm-up, and what the endpoints did meanwhile."""
    wait_accepted(around, 0, WARM_UP_TIMEOUT_S, each=WARM_UP_EACH)
    psutil.cpu_percent()
    cpu_before, before = cpu_seconds(os.getpid()), around.accepted().total()
    wait_accepted(around, before + tasks, tasks * SLOWEST_TASK_S)
    cpu_s, cpu_share = cpu_seconds(os.getpid()) - cpu_before, psutil.cpu_percent() / 100
    # Generations that were under way at the end have their line by then.
    time.sleep(load.service_s + 0.5)
    row = found(around, load, skipped=before, tasks=tasks)
    return row | {"cpu_s_per_task": cpu_s / tasks, "machine_cpu": cpu_share}


def found(around: Cluster, load: Load, *, skipped: int, tasks: int) -> Row:
    """Return what the logs say of so many results after those that are skipped."""
    accepted = [d for d in around.decisions() if d["event"] == "accepted"][skipped - 1 : skipped + tasks]
    since, until = (datetime.fromisoformat(d["time"]).timestamp() for d in (accepted[0], accepted[-1]))
    stretch = figures(around.tasks(), since, until)
    row: Row = {"tasks_per_hour": stretch.tasks_per_hour}
    row["endpoints_busy"] = stretch.busy_share / load.endpoints
    of = Counter(d["miner_hotkey"] for d in accepted[1:])
    row |= {f"of_{name}": of[hotkey] / tasks for name, hotkey in around.hotkeys.items()}
    return row | {
        "pull_to_start_p50": stretch.pull_to_start_p50,
        "pull_to_start_p95": stretch.pull_to_start_p95,
        "answered_twice": str(around.answered_twice()),
    }


def against_first(rows: Sequence[Row]) -> list[Row]:
    """Return each row with its throughput over the first one's."""
    first = float(rows[0]["tasks_per_hour"])
    shown: list[Row] = []
    for row in rows:
        rate = float(row["tasks_per_hour"])
        shown.append(
            {"workers": row["workers"], "tasks_per_hour": rate, "times_the_first": rate / first} | row
        )
    return shown


def one(folder: Path, workers: int, load: Load, tasks: int) -> tuple[Row, Hosts]:
    """Return the figures with so many worker hosts."""
    with hosts(workers) as apart, cluster(folder / f"{workers}-workers", load, apart) as around:
        return {"workers": str(workers)} | measure(around, load, tasks), apart


def note(given: argparse.Namespace, isolation: str, load: Load) -> str:
    """Return the conditions that the figures were measured under."""
    return (
        f"{given.scaling_tasks} tasks each, {load.endpoints} endpoints of {load.service_s:g} s, "
        f"{load.validators} validators that always have a task and answer a submission after "
        f"{load.submit_delay_s:g} s; two miners, each with {load.hands} run at a time on each worker host; "
        f"{isolation}; one PostgreSQL, which syncs, and one Redis; local validation off"
    )


def main(given: argparse.Namespace, say: Callable[[str], None]) -> tuple[list[Row], str]:
    """Return a row for each number of worker hosts, and the conditions."""
    load, rows, isolation = Load(service_s=given.scaling_service_s), [], ""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = given.keep_scaling or Path(temporary)
        for workers in given.workers or WORKERS:
            row, apart = one(folder, workers, load, given.scaling_tasks)
            say(json.dumps(row))
            rows.append(row)
            isolation = apart.isolation
    return against_first(rows), note(given, isolation, load)


def is_whole(given: argparse.Namespace) -> bool:
    """Return whether the options are those that the page shows."""
    return given.scaling_tasks >= TASKS and not given.workers
