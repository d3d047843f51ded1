"""One process at a time computes on a GPU: generation and validation may share a card.

Both fit a large card's memory one after the other and not always together. The lock is a file in the
machine's temporary folder, named after the card itself, so that processes of different data folders and
with other `CUDA_VISIBLE_DEVICES` mean the same one. Containers share it where they share that folder.
"""

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

_log = logging.getLogger(__name__)
# Locks of this process by file: a thread that holds one may take it again.
_locks: dict[Path, FileLock] = {}


@contextlib.contextmanager
def card_lock(device: str) -> Iterator[None]:
    """Hold the card while the block runs; nothing is held for a CPU.

    Where the lock's file cannot be used the block runs all the same, which the log says: a card shared
    without a lock may run out of memory, which is told and tried again.

    Args:
        device: as torch names it.
    """
    lock = _locked(device) if device.startswith("cuda") else None
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _locked(device: str) -> FileLock | None:
    # In a sticky folder no user may open what another one made: the name says whose it is.
    path = Path(tempfile.gettempdir()) / f"trellis-assets-{_user()}-{_card(device)}.lock"
    lock = _locks.setdefault(path, FileLock(path, thread_local=True))
    try:
        lock.acquire()
    except OSError as error:
        _log.warning("the GPU is used without a lock: %s", error)
        return None
    return lock


def _user() -> int:
    """Return the user's number; 0 where the system has none."""
    return os.getuid() if hasattr(os, "getuid") else 0


def _card(device: str) -> str:
    """Return the card's own name, or torch's where the driver has none."""
    import torch

    name = device
    # A process that was given one card knows it as the first, whatever its number in the machine.
    with contextlib.suppress(AssertionError, RuntimeError):
        if torch.cuda.is_available():
            name = str(getattr(torch.cuda.get_device_properties(device), "uuid", device))
    return re.sub(r"[^A-Za-z0-9]+", "-", name)
