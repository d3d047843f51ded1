"""Logs of processes that run for months."""

from pathlib import Path

MAX_LOG_BYTES = 20 * 1024 * 1024


def rotate_logs(folder: Path, limit: int = MAX_LOG_BYTES) -> int:
    """How many `*.log` files above the limit were emptied; what was in them is in `*.log.1`.

    Their writers hold them open and append, so that emptying them is safe; at most a line is lost.
    """
    cut = 0
    for path in folder.glob("*.log"):
        if path.stat().st_size > limit:
            path.with_suffix(".log.1").write_bytes(path.read_bytes())
            with path.open("r+b") as file:
                file.truncate(0)
            cut += 1
    return cut
