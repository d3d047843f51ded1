"""Open a database, with its schema at this version."""

from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from trellis_assets.adapters.storage import postgresql
from trellis_assets.adapters.storage.schema_upgrade import upgrade_schema
from trellis_assets.adapters.storage.sqlite import is_sqlite_file, tune_sqlite
from trellis_assets.adapters.storage.store_file import StoreFile, refuse_to_replace
from trellis_assets.ports import StoreError

# How long a writer waits for another one.
BUSY_TIMEOUT_S = 30.0


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
        upgrade_schema(engine, url)
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
        tune_sqlite(engine, busy_timeout_s, file)
    return engine
