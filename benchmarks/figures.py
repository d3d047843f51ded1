"""Run benchmarks, keep their figures as JSON and write them into docs/figures.md."""

import argparse
import json
import math
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import ledger
import queries
import run_history
import scrape
import soak
import splats
import startup
from capacity import bench as capacity
from earning import bench as earning
from earning import decision
from orchestration import bench, polling
from scaling import bench as scaling

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, float | str]

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "figures.md"
CAPACITY_PAGE = ROOT / "docs" / "capacity.md"
EARNING_PAGE = ROOT / "docs" / "earning.md"
_LARGE = 10_000
TAKES_LONG = ("earning", "earning_decision", "orchestration", "soak", "capacity", "scaling")


def machine() -> str:
    """Return cores, memory, processor and Python, in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {memory:.0f} GB, {platform.machine()}, Python {platform.python_version()}"


def keep(name: str, rows: list[Row], note: str, page_file: Path = PAGE, **more: object) -> None:
    """Write the figures to `results/NAME.json`, with what more is given, and to their part of the page."""
    RESULTS.mkdir(exist_ok=True)
    record = {
        "machine": machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "note": note,
        "rows": rows,
    } | more
    (RESULTS / f"{name}.json").write_text(json.dumps(without_nan(record), indent=1) + "\n", encoding="utf-8")
    begin, end = f"<!-- {name}: made by `make bench` -->\n", f"<!-- /{name} -->"
    page = page_file.read_text(encoding="utf-8")
    before, rest = page.split(begin, 1)
    after = rest.split(end, 1)[1]
    page_file.write_text(before + begin + "\n" + table(record) + "\n" + end + after, encoding="utf-8")


def table(record: dict[str, object]) -> str:
    """Return the record as Markdown."""
    rows = record["rows"]
    assert isinstance(rows, list)
    columns = list(rows[0])
    lines = [f"{record['machine']}; {record['date']}; {record['note']}.", ""]
    lines += ["| " + " | ".join(column.replace("_", " ") for column in columns) + " |"]
    lines += ["|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(_cell(row[c]) for c in columns) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: float | str) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "-"
    # Four digits, but never the powers of ten of large numbers.
    return f"{value:.4g}" if abs(value) < _LARGE else f"{value:.0f}"


def without_nan(value: object) -> object:
    """Return the value with None in the place of NaN, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def keep_splats() -> None:
    """Keep how long models take to read, write, render and validate."""
    name, spz = splats.model()
    keep("splats", splats.main(), f"model {name}, {len(spz):,} bytes of SPZ, best of {splats.PASSES}")


def keep_ledger() -> None:
    """Keep how long statistics, reports and pages take over a million tasks."""
    keep("ledger", ledger.main(), f"1,000,000 tasks over {ledger.DAYS} days in SQLite, first pass")


def keep_orchestration(given: argparse.Namespace) -> None:
    """Compare three miners under the same conditions; `--quick` only prints."""
    results = bench.main(given, lambda line: print(line, file=sys.stderr, flush=True))
    shown = [{column: row[column] for column in bench.SHOWN} for row in results["medians"]]
    note = bench.note(given)
    if given.quick or given.contender:
        for rows in filter(None, (shown, results["ratios"])):
            print(table({"machine": machine(), "date": "today", "note": note, "rows": rows}))
        return
    keep("orchestration", shown, note, runs=results["runs"])
    keep("orchestration_ratios", results["ratios"], note)


def keep_polling() -> None:
    """Keep how long a subnet of full size takes to poll."""
    keep(
        "polling",
        polling.main(),
        f"a pull is answered after {polling.ANSWER_S:g} s, with no task; one endpoint, usual settings",
    )


def keep_soak(given: argparse.Namespace) -> None:
    """Keep whether anything grows; fewer tasks than usual are only printed."""
    rows, verdicts = soak.main(given, lambda line: print(line, file=sys.stderr, flush=True))
    if given.soak_tasks < soak.TASKS:
        for found in (rows, verdicts):
            print(table({"machine": machine(), "date": "today", "note": soak.note(given), "rows": found}))
        return
    keep("soak", rows, soak.note(given))
    keep("soak_verdicts", verdicts, soak.note(given))


def keep_capacity(given: argparse.Namespace) -> None:
    """Keep what a task costs, and what that means for many endpoints."""
    note = capacity.note(given)  # how busy the machine is, before we make it so
    tables = capacity.main(given, lambda line: print(line, file=sys.stderr, flush=True))
    for name, rows in tables.items():
        keep(name, rows, "computed" if name == "capacity_bound" else note, CAPACITY_PAGE)


def keep_earning(given: argparse.Namespace) -> None:
    """Keep what policies earn in simulated days; fewer seeds than usual are only printed."""
    rows, verdicts, note = earning.main(given)
    for name, found in (("earning", rows), ("earning_verdicts", verdicts)):
        if given.earning_seeds < earning.LEAST_SEEDS:
            print(table({"machine": machine(), "date": "today", "note": note, "rows": found}))
        else:
            keep(name, found, note, EARNING_PAGE)


def keep_scaling(given: argparse.Namespace) -> None:
    """Keep how two miners scale with workers; fewer tasks than usual are only printed."""
    rows, note = scaling.main(given, lambda line: print(line, file=sys.stderr, flush=True))
    if scaling.is_whole(given):
        keep("scaling", rows, note)
    else:
        print(table({"machine": machine(), "date": "today", "note": note, "rows": rows}))


def main() -> None:
    """Run the named benchmarks; without a name, all that take minutes."""
    parts = (bench, soak, capacity, scaling, earning)
    options = [part.options() for part in parts]
    parser = argparse.ArgumentParser(description=__doc__, parents=options)
    parser.add_argument("names", nargs="*", default=[])
    given = parser.parse_args()
    work: dict[str, Callable[[], None]] = {
        "startup": lambda: keep(
            "startup", startup.main(), f"{startup.TIMES} starts of each, files read before"
        ),
        "splats": keep_splats,
        "queries": lambda: keep("queries", queries.main(), f"{queries.TASKS:,} tasks in SQLite, in memory"),
        "scrape": lambda: keep("scrape", scrape.main(), f"{scrape.TASKS:,} tasks in SQLite, in memory"),
        "ledger": keep_ledger,
        "run_history": lambda: keep(
            "run_history",
            run_history.main(),
            f"medians of {run_history.TASKS} at each length, SQLite",
        ),
        "polling": keep_polling,
        "orchestration": lambda: keep_orchestration(given),
        "soak": lambda: keep_soak(given),
        "capacity": lambda: keep_capacity(given),
        "scaling": lambda: keep_scaling(given),
        "earning": lambda: keep_earning(given),
        "earning_decision": lambda: keep(
            "earning_decision", decision.main(), "processor time of one core, means", EARNING_PAGE
        ),
    }
    for name in given.names or [name for name in work if name not in TAKES_LONG]:
        work[name]()


if __name__ == "__main__":
    main()
