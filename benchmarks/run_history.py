"""Does a long history of runs slow the next one down?

A task's run is made and executed over an instance that remembers 100 runs, and over the same one with 10,000:
copies of the first ones, as nobody has hours to mine them. That is five times what the clean-up leaves.
"""

import json
import logging
import os
import sqlite3
import statistics
import sys
import uuid
from pathlib import Path

import dagster as dg
from capacity.dagster_runs import Bench, apart, opened

from trellis_assets.orchestration.dagster_home import dagster_home
from trellis_assets.settings import Settings

FEW, MANY = 100, 10_000
TASKS = 40
# What each task adds to the history: its own run, and one that finds nothing to do.
RUNS_PER_TASK = 2
# The second kind of run finds its task ended: what is left is what Dagster does.
FIGURES = {"making a run": "create", "a run that finds nothing to do": "empty"}
Row = dict[str, float | str]


def lengthen(history: Path, instance: dg.DagsterInstance, runs: int) -> None:
    """Give the instance so many runs: copies of those that it has, under ids of their own.

    Args:
        history: the folder of Dagster's SQLite storage.
        instance: the same.
        runs: in all.
    """
    originals = [run.run_id for run in instance.get_runs()]
    copies = [
        (originals[number % len(originals)], str(uuid.uuid4())) for number in range(runs - len(originals))
    ]
    _copy_rows(history / "runs.db", "runs", copies)
    _copy_rows(history / "runs.db", "run_tags", copies)
    _copy_rows(history / "runs" / "index.db", "event_logs", copies)
    for original, copy in copies:
        # A run's events do not change once it has ended, so that one file may serve many.
        os.link(history / "runs" / f"{original}.db", history / "runs" / f"{copy}.db")


def _copy_rows(database: Path, table: str, copies: list[tuple[str, str]]) -> None:
    """Copy the original's rows for each copy, with the copy's id in place of the original's."""
    with sqlite3.connect(database, timeout=60) as connection:
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] != "id"]
        columns = ", ".join(names)
        rows: dict[str, list[tuple[object, ...]]] = {}
        for row in connection.execute(f"SELECT {columns} FROM {table}"):  # noqa: S608 - our own names
            rows.setdefault(str(row[names.index("run_id")]), []).append(row)
        marks = ", ".join("?" * len(names))
        connection.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608
            (
                [cell.replace(original, copy) if isinstance(cell, str) else cell for cell in row]
                for original, copy in copies
                for row in rows.get(original, ())
            ),
        )
    connection.close()


def measure(few: int, many: int, tasks: int) -> list[Row]:
    """Return medians over so many tasks at each length, of the data folder that the environment names."""
    logging.disable(logging.CRITICAL)
    settings = Settings.load()
    history = dagster_home(settings) / "storage" / "history"
    with opened(settings) as bench:
        for _ in range(few // RUNS_PER_TASK):
            bench.one_task()
        at_few = _medians(bench, tasks)
        lengthen(history, bench.instance, many)
        at_many = _medians(bench, tasks)
        remembered = bench.instance.get_runs_count()
    rows: list[Row] = []
    for shown, name in FIGURES.items():
        for unit in ("s", "cpu_s"):
            before, after = at_few[f"{name}_{unit}"], at_many[f"{name}_{unit}"]
            words = shown if unit == "s" else f"{shown}, CPU"
            rows.append(
                {
                    "seconds": words,
                    f"after_{few}_runs": before,
                    f"after_{many}_runs": after,
                    "ratio": after / before,
                }
            )
    assert remembered >= many
    return rows


def _medians(bench: Bench, tasks: int) -> dict[str, float]:
    bench.found.clear()
    for _ in range(tasks):
        bench.one_task()
    return {name: statistics.median(values) for name, values in bench.found.items()}


def main(few: int = FEW, many: int = MANY, tasks: int = TASKS) -> list[Row]:
    """Measure on SQLite, in a process of its own."""
    rows: list[Row] = apart(__file__, few, many, tasks)
    return rows


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure(*map(int, sys.argv[1:]))) + "\n")
