"""Open a database: engine, pragmas, and the schema at this version."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from trellis_assets.adapters.storage import postgresql
from trellis_assets.adapters.storage.store_file import StoreFile, refuse_to_replace
from trellis_assets.ports import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
# The newest migration; a test holds it against the chain of revisions.
HEAD = max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
# How long a writer waits for another one.
BUSY_TIMEOUT_S = 30.0
SWITCH_RETRY_S = 0.01
ADVISORY_LOCK = 17_404


def open_engine(database_url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """Return an engine whose database has the schema of this version.

    Args:
        database_url: as SQLAlchemy names databases.
        busy_timeout_s: SQLite only: how long a writer waits for another one.

    Raises:
        StoreError: the URL, the database or its version cannot be used; says what to do.
    """
    url = parse_url(database_url)
    is_file = is_sqlite_file(url)
    try:
        engine = _engine(url, busy_timeout_s)  # refuses an invalid URL before a folder is made for it
        if is_file:
            refuse_to_replace(Path(str(url.database)))
            Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _migrate(engine, url)
    except (SQLAlchemyError, OSError) as error:
        cause = str(getattr(error, "orig", None) or error).strip()
        raise StoreError(
            f"the store {url.render_as_string(hide_password=True)} cannot be opened: {cause}; check "
            "TRELLIS_DATABASE_URL, TRELLIS_DATA_DIR and the rights on the folder"
        ) from error
    return engine


def parse_url(database_url: str) -> URL:
    """Return the URL with the driver that will be used.

    Raises:
        StoreError: the URL is invalid, or its driver is not installed.
    """
    try:
        url = postgresql.with_driver(make_url(database_url))
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError):
        raise StoreError(
            "TRELLIS_DATABASE_URL is not a URL that SQLAlchemy can use, such as "
            "sqlite:////path/trellis.db or postgresql://user@host/database"
        ) from None
    try:
        url.get_dialect().import_dbapi()
    except ImportError as error:
        raise StoreError(
            f"{url.drivername} is not installed ({error}): pip install 'trellis-assets[postgres]'"
        ) from None
    return url


def _engine(url: URL, busy_timeout_s: float) -> Engine:
    if url.get_backend_name() == "postgresql":
        engine = create_engine(url, connect_args=postgresql.connect_arguments(url), **postgresql.POOL)
        postgresql.tune(engine)
    else:
        engine = create_engine(url)
        file = StoreFile(Path(str(url.database)).absolute()) if is_sqlite_file(url) else None
        if file is not None:
            file.guard(engine)  # before anything else listens: a deleted file is not even read
        _tune_sqlite(engine, busy_timeout_s, file)
    return engine


def is_sqlite_file(url: URL) -> bool:
    """Return whether the database is a file of SQLite, not in memory and not a server."""
    return url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}


def _tune_sqlite(engine: Engine, busy_timeout_s: float, file: StoreFile | None) -> None:
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
    """Switches the file to WAL, which lasts.

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


def _migrate(engine: Engine, url: URL) -> None:
    if current_revision(engine) == HEAD:
        return
    with _only_one(engine, url) as connection:
        found = _revision(connection)
        if found == HEAD:
            return
        known = {path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}
        if found is not None and found not in known:
            named = url.render_as_string(hide_password=True)
            if inspect(connection).has_table("event_logs"):
                raise StoreError(
                    f"{named} is Dagster's database: the store needs another one in TRELLIS_DATABASE_URL"
                )
            raise StoreError(
                f"the store {named} was written by a newer version (schema {found}, this one knows {HEAD}): "
                "update trellis_assets, or name another store by TRELLIS_DATABASE_URL"
            )
        _upgrade(connection)


def current_revision(engine: Engine) -> str | None:
    """Return the schema's revision; None for an empty database."""
    with engine.connect().execution_options(reads_only=True) as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@contextlib.contextmanager
def _only_one(engine: Engine, url: URL) -> Iterator[Connection]:
    """A transaction for who migrates: several processes may start at once, and one of them does."""
    if url.get_backend_name() == "postgresql":
        with engine.begin() as connection:
            # Both are as long as the table is large; the lock ends with the transaction.
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            yield connection
        return
    lock = FileLock(f"{url.database}.lock", timeout=120)
    with lock if is_sqlite_file(url) else contextlib.nullcontext(), engine.begin() as connection:
        yield connection


def _upgrade(connection: Connection) -> None:
    # Alembic costs a third of a second: only who migrates pays it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
