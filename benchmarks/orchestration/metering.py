"""CPU time and memory of a process and all it has started, from /proc."""

import contextlib
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

TICK = os.sysconf("SC_CLK_TCK")
SAMPLE_EVERY_S = 0.5
_TRIES = 20


def family(pid: int) -> list[int]:
    """Return the process and all its descendants, parents first; nothing when it has ended."""
    try:
        root = psutil.Process(pid)
        return [pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of the whole tree, with descendants that have ended and were reaped.

    A child that ends between two readings would count twice or not at all: read until none came or went.
    """
    total = 0.0
    for _ in range(_TRIES):
        before = family(pid)
        total = sum(_ticks(member) for member in before) / TICK
        if family(pid) == before:
            break
    return total


def _ticks(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # Behind the name in parentheses, which may hold anything: utime, stime, cutime, cstime.
    fields = stat.rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:15])


def memory_mb(pid: int) -> float:
    """Return the megabytes of the whole tree; pages that processes share count once (PSS)."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{member}/smaps_rollup").read_text(encoding="ascii")
            line = next((line for line in rollup.splitlines() if line.startswith("Pss:")), "Pss: 0")
            total += int(line.split()[1])
    return total * 1024 / 1e6


@dataclass
class MemorySampler:
    """Samples a tree's memory twice a second until stopped."""

    pid: int
    samples: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _sample(self) -> None:
        while True:
            self.samples.append(memory_mb(self.pid))
            if self._stop.wait(SAMPLE_EVERY_S):
                return

    @property
    def peak_mb(self) -> float:
        """Return the largest sample."""
        return max(self.samples, default=0.0)
