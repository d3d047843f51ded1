"""Tell which process executes a run: a locked pid file per run, which the kernel unlocks when it dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_FOLDER = "run_workers"
_WRITABLE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


def pid_folder(home: Path) -> Path:
    """Return the folder of the pid files and the pool's socket of a Dagster home; make it if needed."""
    folder = home / _FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _path(home: Path, run_id: str) -> Path:
    if not run_id or Path(run_id).name != run_id:
        raise ValueError(f"a run id must be a file name, not {run_id!r}")
    return pid_folder(home) / f"{run_id}.pid"


@contextlib.contextmanager
def hold_pid_file(home: Path, run_id: str) -> Iterator[bool]:
    """Hold the run's pid file until the block ends; yield False if another process holds it."""
    path = _path(home, run_id)
    handle = os.open(path, _WRITABLE, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        try:
            yield True
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def worker_pid(home: Path, run_id: str) -> int | None:
    """Return the id of the process that executes the run; None if there is none."""
    try:
        handle = os.open(_path(home, run_id), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.read(handle, 20)
        return int(written) if written.isdigit() else None
    finally:
        os.close(handle)
    return None


def remove_stale_pid_files(home: Path) -> int:
    """Remove the pid files of dead workers, and return how many there were."""
    removed = 0
    for path in pid_folder(home).glob("*.pid"):
        if worker_pid(home, path.stem) is None:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
