"""How long this project's tasks waited for their run to be requested, from its store."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path


def request_waits_s(store: Path, since: float, until: float) -> list[float]:
    """Return the seconds from pull to requested run of tasks pulled in since..until (unix seconds).

    Returns:
        Nothing for a contender that has no such store.
    """
    if not store.exists():
        return []
    query = "SELECT pulled_at, requested_at FROM tasks WHERE requested_at IS NOT NULL AND attempt = 0"
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        rows = [(_moment(pulled), _moment(requested)) for pulled, requested in connection.execute(query)]
    return [requested - pulled for pulled, requested in rows if since < pulled <= until]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
