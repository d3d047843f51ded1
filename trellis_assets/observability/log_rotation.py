"""Rotation of the logs of processes that run for months."""

from pathlib import Path

MAX_LOG_BYTES = 20 * 1024 * 1024


def rotate_logs(folder: Path, limit: int = MAX_LOG_BYTES) -> int:
    """Empty the `*.log` files above the limit, keep their content in `*.log.1`, and return their number.

    Their writers hold them open and append, so that emptying is safe; at most a line is lost.
    """
    rotated = 0
    for path in folder.glob("*.log"):
        if path.stat().st_size > limit:
            path.with_suffix(".log.1").write_bytes(path.read_bytes())
            with path.open("r+b") as file:
                file.truncate(0)
            rotated += 1
    return rotated
