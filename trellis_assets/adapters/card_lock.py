"""One process at a time computes on a GPU: generation and validation may share a card.

Both fit a large card's memory one after the other and not always together. The lock is a file in the
machine's temporary folder, named after the card itself, so that processes of different data folders and
with other `CUDA_VISIBLE_DEVICES` mean the same one. Containers share it where they share that folder.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

# Locks of this process by file: a thread that holds one may take it again.
_locks: dict[Path, FileLock] = {}


@contextlib.contextmanager
def card_lock(device: str) -> Iterator[None]:
    """Hold the card while the block runs; nothing is held for a CPU.

    Args:
        device: as torch names it.

    Raises:
        OSError: the lock's file cannot be made.
    """
    if not device.startswith("cuda"):
        yield
        return
    path = Path(tempfile.gettempdir()) / f"trellis-assets-{_card(device)}.lock"
    # Users of one machine share its cards: whoever comes first makes the file for all.
    with _locks.setdefault(path, FileLock(path, mode=0o666, thread_local=True)):
        yield


def _card(device: str) -> str:
    """Return the card's own name, or torch's where the driver has none."""
    import torch

    name = device
    if torch.cuda.is_available():
        name = str(getattr(torch.cuda.get_device_properties(device), "uuid", device))
    return re.sub(r"[^A-Za-z0-9]+", "-", name)
