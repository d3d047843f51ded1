"""The single-instance lock of a data folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from trellis_assets.supervisor.errors import MiningError
from trellis_assets.system.file_permissions import make_private_folder

# The doctor holds the lock for a moment while it checks whether a miner runs.
_TIMEOUT_S = 2.0


@contextmanager
def single_instance_lock(folder: Path) -> Iterator[None]:
    """Keep every other miner out of the data folder until the block ends.

    Raises:
        MiningError: another miner uses it, or its file system has no locks.
    """
    make_private_folder(folder)
    _require_file_locks(folder)
    lock = FileLock(folder / "mine.lock", timeout=_TIMEOUT_S)
    try:
        lock.acquire()
    except Timeout:
        raise MiningError(
            f"Another `trellis-assets mine` uses {folder}. Stop it, or set TRELLIS_DATA_DIR."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _require_file_locks(folder: Path) -> None:
    """Raise MiningError where the file system has no `flock`, by which a run's process is known to live."""
    with (folder / "mine.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # another miner holds it
        except OSError as error:
            raise MiningError(
                f"The file system of {folder} has no file locks ({error.strerror}). "
                "Set TRELLIS_DATA_DIR to a folder on a local disk."
            ) from None
