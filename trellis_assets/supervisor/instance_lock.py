"""The single-instance lock of a data folder."""

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
        MiningError: another miner uses it.
    """
    make_private_folder(folder)
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
