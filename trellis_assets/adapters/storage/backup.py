"""Copy the store while it is written, and put copies back."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import cast

from sqlalchemy import Engine

from trellis_assets.adapters.storage.engine import parse_url
from trellis_assets.adapters.storage.schema_upgrade import HEAD
from trellis_assets.adapters.storage.store_file import recovered_file
from trellis_assets.ports import StoreError
from trellis_assets.system.atomic_write import atomic_write


def backup(database_url: str, target: Path) -> int:
    """Copy the store as of one moment to the file; return its number of tasks.

    Raises:
        StoreError: not SQLite, no store there, or the copy is not whole.
    """
    source = _sqlite_file(database_url, "pg_dump --format=custom")
    if not source.exists():
        raise StoreError(f"there is no store at {source}: nothing to back up")
    try:
        with atomic_write(target) as partial:
            with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(partial)) as copy:
                # In one step: the journal lets writers go on meanwhile, and a copy in several steps begins
                # anew after each write between two of them.
                live.backup(copy)
                # One file, that can be carried away: no journal beside it.
                copy.execute("PRAGMA journal_mode=DELETE")
            return _checked(partial)
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error}") from error


def restore(database_url: str, source: Path, now: datetime) -> Path | None:
    """Replace the store by the backup; return where the store that was there lies now.

    Call it only while nothing has the store open.

    Raises:
        StoreError: not SQLite, or the file is no whole backup of this or an earlier version.
    """
    target = _sqlite_file(database_url, "pg_restore --clean")
    _checked(source)
    aside = None
    if target.exists():
        aside = target.with_name(f"{target.name}.before-restore-{now:%Y%m%dT%H%M%S}")
        # Everything that is still in the journal of the old store goes with it.
        backup(database_url, aside)
    fresh = target.with_name(f".{target.name}.restored")
    backup(f"sqlite:///{source.absolute()}", fresh)
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    fresh.replace(target)
    return aside


def save_deleted_store(engine: Engine) -> tuple[Path, int]:
    """Copy what the engine's open connections still hold of a deleted file to `<name>.recovered`.

    Call it once nothing else writes to the store.

    Returns:
        The copy and its number of tasks.

    Raises:
        StoreError: no connection is open any more, or the copy is not whole.
    """
    store = Path(str(engine.url.database)).absolute()
    target = recovered_file(store)
    store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    held = engine.raw_connection()
    try:
        live = cast("sqlite3.Connection", held.driver_connection)
        with closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        return target, _checked(target)
    except sqlite3.Error as error:
        raise StoreError(f"the deleted store {store} cannot be copied to {target}: {error}") from error
    finally:
        held.close()


def _sqlite_file(database_url: str, instead: str) -> Path:
    url = parse_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise StoreError(
            f"{url.get_backend_name()} has its own tool for this: {instead} (see docs/scaling.md, Backups)"
        )
    return Path(url.database)


def _checked(path: Path) -> int:
    """Return the number of tasks in a store that is whole.

    Raises:
        StoreError: it is not.
    """
    if not path.is_file():
        raise StoreError(f"there is no backup at {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as copy:
            (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            (version,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            (tasks,) = copy.execute("SELECT count(*) FROM tasks").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"{path} is no backup of a store: {error}") from error
    if verdict != "ok":
        raise StoreError(f"{path} is damaged: {verdict}")
    if version > HEAD:
        raise StoreError(f"{path} was written by a newer version: update this package")
    return int(tasks)
