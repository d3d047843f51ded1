"""Atomic writes: a reader sees the old file or the new one, never half of one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Maintenance deletes what a killed process left under this ending.
PARTIAL_SUFFIX = ".part"


@contextmanager
def atomic_write(path: Path, *, is_durable: bool = False) -> Iterator[Path]:
    """Yield a temporary file beside `path`, which replaces it when the block ends well and is else deleted.

    Missing folders are created. Only the owner may read the file.

    Args:
        path: of the file.
        is_durable: return only when file and folder are on the disk, so that a power failure loses nothing.

    Raises:
        OSError: the file cannot be written; an earlier one is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(prefix=".", suffix=PARTIAL_SUFFIX, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if is_durable:
            _sync(temporary, os.O_RDWR)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if is_durable:
        _sync(path.parent, os.O_RDONLY)


def write_atomically(path: Path, data: bytes | str, *, is_durable: bool = False) -> None:
    """Replace the file by the data (text as UTF-8): see `atomic_write`."""
    with atomic_write(path, is_durable=is_durable) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
