"""Processes end with the process that started them, also when that one is killed."""

import ctypes
import os
import signal
import sys

import psutil

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_KILL_TIMEOUT_S = 5


def die_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent ends; called in the child before its program starts."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def become_subreaper() -> None:
    """Become the parent of processes whose own parent is killed (Linux).

    A run worker finishes its task when the process that started it is killed. As a child of this process
    it stays known, and ends with the miner.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants(pid: int) -> list[psutil.Process]:
    """Return the children of a process, their children and so on, without this process."""
    try:
        return [p for p in psutil.Process(pid).children(recursive=True) if p.pid != os.getpid()]
    except psutil.NoSuchProcess:
        return []


def kill_all(processes: list[psutil.Process]) -> None:
    """Kill the processes that still run, and wait 5 s at most for their end."""
    for process in processes:
        if process.is_running():
            process.kill()
    psutil.wait_procs(processes, timeout=_KILL_TIMEOUT_S)


def kill_descendants() -> None:
    """Kill every process that this one has started, directly or not."""
    kill_all(descendants(os.getpid()))
