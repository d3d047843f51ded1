"""Thousands of tasks in a row at no cost of generation: do memory, disk and latency stay as they are?

What is kept is set to what a run of an hour can fill and overflow, by settings that an operator has; the
clean-up runs every half minute instead of every hour, by Dagster's own command for a job, beside the miner.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.arena import Arena, Conditions, arena, wait_until
from orchestration.contenders import project
from orchestration.logs import quantile, stretches
from orchestration.metering import cpu_seconds, memory_mb

TASKS, BASE, STRETCH = 5000, 1000, 500
# More than this at the end than at the base is growth.
ALLOWED = 1.10
SAMPLE_EVERY_S = 5.0
MAINTAIN_EVERY_S = 30.0
STALLED_S = 300.0
_DAY_S = 86_400.0
FRESH_S = 60.0
LIMITS = {
    "TRELLIS_MODELS_MAX_GB": "0.05",
    "TRELLIS_KEEP_RUNS": "100",
    "TRELLIS_KEEP_TASKS_DAYS": str(FRESH_S / _DAY_S),
    "TRELLIS_KEEP_STATISTICS_DAYS": str(FRESH_S / _DAY_S),
    "TRELLIS_DUPLICATE_WINDOW_H": str(FRESH_S / 3600),
}
# Logs grow to 20 MiB each whatever is set, which the soak does not reach: shown, and not judged.
PARTS = {
    "store": "trellis.db*",
    "models": "models",
    "dagster": "dagster",
    "reports": "reports",
    "logs": "logs",
}
JUDGED_PARTS = ("store", "models", "dagster", "reports")
JUDGED = ("memory_mb", "disk_mb", "start_p50_s", "start_p95_s", "whole_p50_s", "whole_p95_s")
Row = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Sample:
    """Megabytes of the miner's processes and of the parts of its folder at a moment."""

    time: float
    memory_mb: float
    disk_mb: dict[str, float]
    cpu_s: float


@dataclass
class Maintenance:
    """The hourly job, more often: one process at a time, ended when the next one is due."""

    arena: Arena
    runs: int = 0
    _next: float = 0.0
    _process: subprocess.Popen[bytes] | None = None
    failures: list[int] = field(default_factory=list)

    def when_due(self) -> None:
        """Start a clean-up if the last one is over and old enough."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            if code:
                self.failures.append(code)
            self._process = None
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + MAINTAIN_EVERY_S
        home = self.arena.folder / "data" / "dagster"
        command = [sys.executable, "-m", "dagster", "job", "execute"]
        command += ["-m", "trellis_assets.definitions", "-j", "maintain_store_job"]
        environment = dict(self.arena.environment) | LIMITS | {"DAGSTER_HOME": str(home)}
        with (self.arena.folder / "maintenance.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, cwd=self.arena.folder, stdout=log, stderr=log
            )
        self.runs += 1

    def end(self) -> None:
        """End a clean-up that is under way."""
        if self._process is not None:
            self._process.wait(120)


def disk_mb(folder: Path) -> dict[str, float]:
    """Return the megabytes of each part of the data folder."""
    return {part: sum(map(_bytes_of, folder.glob(pattern))) / 1e6 for part, pattern in PARTS.items()}


def _bytes_of(path: Path) -> int:
    if path.is_file():
        return _blocks(path)
    # `os.walk` passes over folders that are cleaned up meanwhile.
    return sum(_blocks(Path(folder) / name) for folder, _, names in os.walk(path) for name in names)


def _blocks(file: Path) -> int:
    # A file that is cleaned up meanwhile is gone.
    with contextlib.suppress(FileNotFoundError):
        return os.lstat(file).st_blocks * 512
    return 0


def soak(around: Arena, tasks: int, say: Callable[[str], None]) -> tuple[list[Sample], Maintenance]:
    """Mine until so many results were accepted, and return samples of the miner meanwhile.

    Raises:
        TimeoutError: no result came for long.
    """
    samples: list[Sample] = []
    with ExitStack() as stack:
        contender = stack.enter_context(project(around, LIMITS))
        maintenance = Maintenance(around)
        stack.callback(maintenance.end)
        wait_until(lambda: around.accepted() > 0, "the first result", STALLED_S)
        accepted, last_progress = 0, time.monotonic()
        while accepted < tasks:
            maintenance.when_due()
            samples.append(
                Sample(
                    time.time(),
                    memory_mb(contender.pid),
                    disk_mb(around.folder / "data"),
                    cpu_seconds(contender.pid),
                )
            )
            now_accepted = around.accepted()
            if now_accepted > accepted:
                last_progress = time.monotonic()
            elif time.monotonic() - last_progress > STALLED_S:
                raise TimeoutError(f"no result after the {accepted}th for {STALLED_S:.0f} s")
            accepted = now_accepted
            say(f"{accepted} tasks, {samples[-1].memory_mb:.0f} MB of memory, {samples[-1].disk_mb}")
            time.sleep(SAMPLE_EVERY_S)
    return samples, maintenance


def rows_of(around: Arena, samples: Sequence[Sample], stretch: int) -> Iterator[Row]:
    """Return one row per stretch of tasks."""
    since = samples[0].time
    for number, group in enumerate(stretches(around.tasks(), stretch), 1):
        until = group[-1].arrived or since
        seen = [s for s in samples if since < s.time <= until] or [samples[-1]]
        to_start = [t.started - t.assigned for t in group if t.started is not None]
        whole = [t.arrived - t.assigned for t in group if t.arrived is not None]
        row: Row = {
            "tasks": str(number * stretch),
            "tasks_per_hour": stretch / max(until - since, 1e-9) * 3600,
            "start_p50_s": quantile(to_start, 0.5),
            "start_p95_s": quantile(to_start, 0.95),
            "whole_p50_s": quantile(whole, 0.5),
            "whole_p95_s": quantile(whole, 0.95),
            "memory_mb": statistics.median(s.memory_mb for s in seen),
            "disk_mb": statistics.median(sum(s.disk_mb[p] for p in JUDGED_PARTS) for s in seen),
        }
        row |= {f"{part}_mb": statistics.median(s.disk_mb[part] for s in seen) for part in PARTS}
        yield row | {"cpu_s_per_task": (seen[-1].cpu_s - seen[0].cpu_s) / stretch}
        since = until


def verdicts(rows: Sequence[Row], base: int) -> list[Row]:
    """Compare the last stretch with the one that ended at the base: what has grown by more than a tenth."""
    before = next(row for row in rows if int(row["tasks"]) >= base)
    found: list[Row] = []
    for figure in JUDGED:
        ratio = float(rows[-1][figure]) / float(before[figure])
        verdict = "flat" if ratio <= ALLOWED else "GROWS"
        found.append(
            {
                "figure": figure,
                f"at_{before['tasks']}": before[figure],
                f"at_{rows[-1]['tasks']}": rows[-1][figure],
                "ratio": ratio,
                "verdict": verdict,
            }
        )
    return found


def options() -> argparse.ArgumentParser:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--soak-tasks", type=int, default=TASKS)
    parser.add_argument("--soak-base", type=int, default=BASE)
    parser.add_argument("--soak-stretch", type=int, default=STRETCH)
    return parser


def main(given: argparse.Namespace, say: Callable[[str], None]) -> tuple[list[Row], list[Row]]:
    """Return rows per stretch, and the verdicts on them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = Path(given.keep or folder) / "soak"
        with arena(place, Conditions(service_s=0.0, submit_delay_s=0.0)) as around:
            samples, maintenance = soak(around, given.soak_tasks, say)
        if maintenance.failures:
            say(f"{len(maintenance.failures)} of {maintenance.runs} clean-ups failed: see maintenance.log")
        rows = list(rows_of(around, samples, given.soak_stretch))
    return rows, verdicts(rows, given.soak_base)


def note(given: argparse.Namespace) -> str:
    """Return the conditions that the figures were measured under."""
    limits = ", ".join(f"{name}={value[:8]}" for name, value in LIMITS.items())
    return (
        f"{given.soak_tasks} tasks, generation and answers at no cost, local validation off, clean-up every "
        f"{MAINTAIN_EVERY_S:.0f} s; {limits}"
    )
