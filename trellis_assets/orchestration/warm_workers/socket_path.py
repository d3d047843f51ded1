"""The pool's Unix socket in a Dagster home."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from trellis_assets.orchestration.warm_workers.pid_files import pid_folder

_NAME = "pool.sock"


@contextlib.contextmanager
def short_socket_path(home: Path) -> Iterator[str]:
    """Yield a path of the socket that is short enough; it is valid until the block ends.

    A Unix socket's path has 107 characters at most; data folders may be deeper. The folder's open
    handle names it in a few.
    """
    handle = os.open(pid_folder(home), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{_NAME}"
    finally:
        os.close(handle)
