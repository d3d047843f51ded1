"""The schema's version: which one a database has, and how it comes to this one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, inspect, text

from trellis_assets.adapters.storage.sqlite import is_sqlite_file
from trellis_assets.ports import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
# The newest migration; a test holds it against the chain of revisions.
HEAD = max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
ADVISORY_LOCK = 17_404


def upgrade_schema(engine: Engine, url: URL) -> None:
    """Bring the database's schema to this version; several processes may call it at a time.

    Raises:
        StoreError: the database is of a newer version, or Dagster's own; says what to do.
    """
    if current_revision(engine) == HEAD:
        return
    with _locked(engine, url) as connection:
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
def _locked(engine: Engine, url: URL) -> Iterator[Connection]:
    """Begin a transaction that one process has at a time: several may start at once, and one migrates."""
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
    # Importing Alembic costs a third of a second: only a process that migrates pays it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
