"""Measure the three miners one after another under the same conditions, several times over.

`make bench-orchestration` takes half an hour and writes the page; with `ARGS=--quick`, some minutes, and it
only prints what it found.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from orchestration.arena import Arena, Conditions, arena, wait_until
from orchestration.contenders import CONTENDERS, project
from orchestration.logs import figures, quantile
from orchestration.metering import MemorySampler, cpu_seconds
from orchestration.requests import request_waits_s

# Service times, seconds, and how often each is measured: the middle one is what targets are set for.
PROFILES_S = {0.0: 1, 1.0: 3, 10.0: 1}
# Validators on a network answer a pull after so many seconds; loopback hides what that does. Of this project
# alone, at `LATENCY_SERVICE_S`.
LATENCIES_S = (0.0, 0.1, 0.4)
LATENCY_SERVICE_S = 1.0
WARM_UP_TASKS, SLOW_WARM_UP_TASKS = 10, 4
WARM_UP_TIMEOUT_S = 300.0
# A slow contender is watched longer than the others, until so many results or so many windows.
LEAST_TASKS = 5
MOST_WINDOWS = 3
PROJECT = "this project"
# What the page shows of a row.
SHOWN = (
    *("service_s", "pull_delay_s", "contender", "tasks_per_hour", "busy_share"),
    *("pull_to_request_p50", "pull_to_request_p90", "pull_to_start_p50", "pull_to_start_p95"),
    *("end_to_sent_p50", "end_to_sent_p95", "cpu_s_per_task", "peak_mb", "first_result_s"),
)
Row = dict[str, float | str]
# What tells rows apart.
_NAMES = ("service_s", "pull_delay_s", "contender")


def window_s(service_s: float, *, quick: bool) -> float:
    """Return how many seconds to measure: a multiple of the default sensor's 30, and several generations."""
    if quick:
        return 30.0 if service_s <= 1 else 60.0
    return 60.0 if service_s <= 1 else 90.0


def measure(start: Callable[[Arena], Any], conditions: Conditions, folder: Path, seconds: float) -> Row:
    """Measure one contender from its start to the end of its window."""
    warm_up = WARM_UP_TASKS if conditions.service_s <= 1 else SLOW_WARM_UP_TASKS
    with arena(folder, conditions) as around:
        began = time.time()
        with start(around) as contender:
            wait_until(lambda: around.accepted() > 0, "the first result", WARM_UP_TIMEOUT_S)
            first_result_s = time.time() - began
            wait_until(lambda: around.accepted() >= warm_up, "the warm-up", WARM_UP_TIMEOUT_S)
            with MemorySampler(contender.pid) as memory:
                since, cpu_before = time.time(), cpu_seconds(contender.pid)
                _watch(around, seconds)
                until, cpu_after = time.time(), cpu_seconds(contender.pid)
            # Generations that were under way at the end have their line by then.
            time.sleep(conditions.service_s + 0.5)
        found = figures(around.tasks(), since, until)
        waits = request_waits_s(around.store, since, until)
    cpu_s = cpu_after - cpu_before
    return asdict(found) | {
        "pull_to_request_p50": quantile(waits, 0.5),
        "pull_to_request_p90": quantile(waits, 0.9),
        "cpu_s_per_task": cpu_s / found.tasks if found.tasks else math.nan,
        "cpu_share": cpu_s / (until - since),
        "peak_mb": memory.peak_mb,
        "first_result_s": first_result_s,
    }


def _watch(around: Arena, seconds: float) -> None:
    """Wait until a window has passed with enough results for a rate."""
    before = around.accepted()
    for _ in range(MOST_WINDOWS):
        time.sleep(seconds)
        if around.accepted() - before >= LEAST_TASKS:
            return


def one_run(
    folder: Path, profiles: Sequence[float], given: argparse.Namespace, say: Callable[[str], None]
) -> list[Row]:
    """Measure all contenders in all profiles once."""
    rows = []
    settings = dict(setting.split("=", 1) for setting in given.set)
    for service_s in profiles:
        for number, (name, pull_delay_s) in enumerate(measured(service_s, given)):
            conditions = replace(
                Conditions(service_s),
                validators=given.validators,
                hanging=given.hanging,
                submit_delay_s=given.submit_delay_s,
                pull_delay_s=pull_delay_s,
            )
            start = CONTENDERS[name]
            begin = partial(project, settings=settings) if start is project else start
            seconds = given.seconds or window_s(service_s, quick=given.quick)
            place = folder / f"{service_s:.0f}s-{number}"
            row: Row = {"service_s": service_s, "pull_delay_s": pull_delay_s, "contender": name}
            row |= measure(begin, conditions, place, seconds)
            say(json.dumps(row))
            rows.append(row)
    return rows


def measured(service_s: float, given: argparse.Namespace) -> list[tuple[str, float]]:
    """Return the contenders, each with a latency of its validators."""
    names = [name for name in CONTENDERS if not given.contender or name in given.contender]
    if given.pull_delay_s:
        return [(name, delay_s) for name in names for delay_s in given.pull_delay_s]
    slower = LATENCIES_S[1:] if service_s == LATENCY_SERVICE_S and PROJECT in names else ()
    return [(name, 0.0) for name in names] + [(PROJECT, delay_s) for delay_s in slower]


def medians(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the median of each figure by profile and contender, over the runs that have it."""
    rows: list[Row] = []
    for first in runs[0]:
        same = [row for run in runs for row in run if _key(row) == _key(first)]
        row: Row = {name: first[name] for name in _NAMES if name in first}
        for name in (name for name in first if name not in row):
            row[name] = statistics.median(float(each[name]) for each in same)
        rows.append(row)
    return rows


def ratios(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """Return this project's figures over each other contender's: medians of the ratios within each run.

    Tasks per hour: how many times as many. CPU and memory: what share of the other's.
    """
    rows: list[Row] = []
    for mine in (row for row in runs[0] if row["contender"] == PROJECT):
        for other in (row for row in runs[0] if row["service_s"] == mine["service_s"]):
            if other["contender"] == PROJECT or other.get("pull_delay_s") != mine.get("pull_delay_s"):
                continue
            row: Row = {"service_s": mine["service_s"], "this_project_against": other["contender"]}
            for figure in ("tasks_per_hour", "cpu_s_per_task", "peak_mb"):
                found = [_figure(run, mine, figure) / _figure(run, other, figure) for run in runs]
                row[figure] = statistics.median(ratio for ratio in found if not math.isnan(ratio))
            rows.append(row)
    return rows


def _key(row: Row) -> tuple[float | str | None, ...]:
    return tuple(row.get(name) for name in _NAMES)


def _figure(run: Sequence[Row], of: Row, figure: str) -> float:
    """Return the figure; not a number where the run has no such row or its contender finished nothing."""
    found = [float(row[figure]) for row in run if _key(row) == _key(of)]
    return (found[0] or math.nan) if found else math.nan


def options() -> argparse.ArgumentParser:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--runs", type=int, help="of each profile")
    parser.add_argument("--quick", action="store_true", help="one run, one profile, short windows")
    parser.add_argument("--profile", type=float, action="append", default=[], help="service time, seconds")
    parser.add_argument("--contender", action="append", default=[], choices=list(CONTENDERS))
    parser.add_argument("--seconds", type=float, help="length of a window")
    parser.add_argument(
        "--pull-delay-s", type=float, action="append", default=[], help="a pull's latency, seconds"
    )
    parser.add_argument("--validators", type=int, default=Conditions(0).validators)
    parser.add_argument("--hanging", type=int, default=0, help="validators beside them that do not answer")
    parser.add_argument("--submit-delay-s", type=float, default=Conditions(0).submit_delay_s)
    parser.add_argument("--set", action="append", default=[], help="TRELLIS_…=value for this project")
    parser.add_argument("--keep", type=Path, help="folder that logs and stores are left in")
    return parser


def note(given: argparse.Namespace) -> str:
    """Return the conditions that the figures were measured under."""
    often = ", ".join(f"{times} at {service_s:g} s" for service_s, times in how_often(given).items())
    changed = f"; {', '.join(given.set)}" if given.set else ""
    return (
        f"{given.validators} validators that always have a task and answer a submission after "
        f"{given.submit_delay_s:g} s, one generation server, local validation off; "
        f"medians of runs: {often}{changed}"
    )


def how_often(given: argparse.Namespace) -> dict[float, int]:
    """Return the service times with their numbers of runs."""
    if given.quick:
        return dict.fromkeys(given.profile or [1.0], 1)
    return {
        service_s: given.runs or PROFILES_S.get(service_s, 1) for service_s in given.profile or PROFILES_S
    }


def main(given: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure all runs, and return their medians and ratios."""
    often = how_often(given)
    runs = []
    for number in range(max(often.values())):
        profiles = [service_s for service_s, times in often.items() if times > number]
        if given.keep:
            runs.append(one_run(given.keep / f"run-{number}", profiles, given, say))
            continue
        # A contender's last run may still write its end: what it leaves behind costs no figures.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            runs.append(one_run(Path(folder) / "run", profiles, given, say))
    return {"runs": runs, "medians": medians(runs), "ratios": ratios(runs)}
