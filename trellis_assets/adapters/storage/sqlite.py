"""SQLite as the store: pragmas of its connections, and when its transactions begin."""

import sqlite3
import time
from typing import Any

from sqlalchemy import URL, Engine, event

from trellis_assets.adapters.storage.store_file import StoreFile

SWITCH_RETRY_S = 0.01


def is_sqlite_file(url: URL) -> bool:
    """Return whether the database is a file of SQLite, not in memory and not a server."""
    return url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}


def tune_sqlite(engine: Engine, busy_timeout_s: float, file: StoreFile | None) -> None:
    """Let every connection use WAL, sync each transaction, and say itself when a transaction begins.

    Args:
        engine: of which no connection is open yet.
        busy_timeout_s: how long a writer waits for another one.
        file: that the connections open; None in memory.
    """

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, record: Any) -> None:
        # The driver must not begin transactions by itself: see _begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={round(busy_timeout_s * 1000)}")
        _use_wal(cursor, busy_timeout_s)
        # With WAL a power cut may lose the last transactions unless each is synced: a lost
        # "submitting" would let a result be submitted twice.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
        if file is not None:
            file.opened(record)

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A transaction that reads first and writes later would fail when another wrote between.
        reads_only = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _use_wal(cursor: Any, busy_timeout_s: float) -> None:
    """Switch the file to WAL, which lasts.

    SQLite's own wait does not cover the switch (it reads first, and a reader that wants to write is refused
    at once), so several processes that open a new file together would fail without ours.
    """
    give_up_at = time.monotonic() + busy_timeout_s
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(SWITCH_RETRY_S)
        else:
            return
