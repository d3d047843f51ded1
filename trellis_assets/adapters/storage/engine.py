"""Opening a database: engine, pragmas, and the schema at this version."""

import contextlib
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import URL, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from trellis_assets.ports import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
# Newest revision in the migrations folder; a test holds it against the folder.
HEAD = "0003"
# How long a writer waits for another one.
BUSY_TIMEOUT_S = 30.0
ADVISORY_LOCK = 17_404


def open_engine(database_url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine whose database has the schema of this version.

    Args:
        database_url: as SQLAlchemy names databases.
        busy_timeout_s: SQLite only: how long a writer waits for another one.

    Raises:
        StoreError: the URL, the database or its version cannot be used; says what to do.
    """
    url = _parsed(database_url)
    is_file = url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}
    try:
        if is_file:
            Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(url, pool_pre_ping=not is_file)
        if url.get_backend_name() == "sqlite":
            _tune_sqlite(engine, busy_timeout_s)
        _migrate(engine, url)
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(
            f"the store {url.render_as_string(hide_password=True)} cannot be opened: {cause}; check "
            "TRELLIS_DATABASE_URL, TRELLIS_DATA_DIR and the rights on the folder"
        ) from error
    return engine


def _parsed(database_url: str) -> URL:
    try:
        url = make_url(database_url)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError):
        raise StoreError(
            "TRELLIS_DATABASE_URL is not a URL that SQLAlchemy can use, such as "
            "sqlite:////path/trellis.db or postgresql+psycopg://user@host/database"
        ) from None
    return url


def _tune_sqlite(engine: Engine, busy_timeout_s: float) -> None:
    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself: see _begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={round(busy_timeout_s * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        # With WAL a power cut may lose the last transactions unless each is synced: a lost
        # "submitting" would let a result be submitted twice.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A transaction that reads first and writes later would fail when another wrote between.
        reads_only = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _migrate(engine: Engine, url: URL) -> None:
    if current_revision(engine) == HEAD:
        return
    with _only_one(engine, url):
        found = current_revision(engine)
        if found == HEAD:
            return
        known = {path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}
        if found is not None and found not in known:
            raise StoreError(
                f"the store {url.render_as_string(hide_password=True)} was written by a newer version "
                f"(schema {found}, this one knows {HEAD}): update trellis_assets, or name another "
                "store by TRELLIS_DATABASE_URL"
            )
        _upgrade(engine)


def current_revision(engine: Engine) -> str | None:
    """The schema's revision; None for an empty database."""
    with engine.connect().execution_options(reads_only=True) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@contextlib.contextmanager
def _only_one(engine: Engine, url: URL) -> Any:
    """Several processes may start at once; one of them migrates."""
    if url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}:
        with FileLock(f"{url.database}.lock", timeout=120):
            yield
    elif url.get_backend_name() == "postgresql":
        with engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
            try:
                yield
            finally:
                connection.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
    else:
        yield


def _upgrade(engine: Engine) -> None:
    # Alembic costs a third of a second: only who migrates pays it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
