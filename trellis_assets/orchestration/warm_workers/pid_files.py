"""Who executes a run: a locked file per run, which the kernel unlocks when its process dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_FOLDER = "run_workers"
_WRITABLE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


def marks_folder(home: Path) -> Path:
    """Where the marks and the pool's socket of a Dagster home are; it exists."""
    folder = home / _FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _path(home: Path, run_id: str) -> Path:
    if not run_id or Path(run_id).name != run_id:
        raise ValueError("a run id that is no file name")
    return marks_folder(home) / f"{run_id}.pid"


@contextlib.contextmanager
def marked(home: Path, run_id: str) -> Iterator[bool]:
    """This process executes the run until the block ends; False if another one does."""
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


def worker_of(home: Path, run_id: str) -> int | None:
    """The process that executes the run; None if there is none."""
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


def sweep_marks(home: Path) -> int:
    """How many marks of dead workers were removed."""
    swept = 0
    for path in marks_folder(home).glob("*.pid"):
        if worker_of(home, path.stem) is None:
            path.unlink(missing_ok=True)
            swept += 1
    return swept
