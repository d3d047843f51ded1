"""A store whose file is deleted or replaced while it is open: nothing is written to it, and it is saved."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trellis_assets.adapters.storage.backup import restore, save_deleted_store
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.ports import StoreError, StoreGoneError

pytestmark = pytest.mark.sqlite_only
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trellis.db"


@pytest.fixture
def open_one(path: Path) -> SqlStore:
    store = open_store(f"sqlite:///{path}")
    store.sessions.start(NOW, {"of": "the test"})
    return store


def delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def replace(path: Path) -> None:
    delete(path)
    path.write_bytes(b"")


def delete_journal(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def test_a_file_that_is_there_is_written_to(open_one: SqlStore, path: Path) -> None:
    other = open_store(f"sqlite:///{path}")
    assert other.sessions.start(NOW, {}) == open_one.sessions.start(NOW, {}) - 1
    other.close()
    assert open_one.sessions.start(NOW, {}) == 4, "another process's end deletes no journal of ours"


@pytest.mark.parametrize("harm", [delete, replace, delete_journal])
def test_nothing_is_read_or_written_once_the_file_is_gone(
    open_one: SqlStore, path: Path, harm: Callable[[Path], None]
) -> None:
    harm(path)
    with pytest.raises(StoreGoneError, match=r"while (the store|it) is open"):
        open_one.sessions.start(NOW, {})
    with pytest.raises(StoreGoneError):
        open_one.statistics.count_by_state()


def test_a_new_connection_makes_no_empty_file_in_its_place(open_one: SqlStore, path: Path) -> None:
    open_one.close()
    delete(path)
    with pytest.raises(StoreGoneError):
        open_one.statistics.count_by_state()
    assert not path.exists()


def test_a_deleted_store_is_saved_whole_and_can_be_put_back(open_one: SqlStore, path: Path) -> None:
    delete(path)
    saved, tasks = save_deleted_store(open_one.engine)
    assert (saved, tasks) == (path.with_name("trellis.db.recovered"), 0)
    restore(f"sqlite:///{path}", saved, NOW)
    assert open_store(f"sqlite:///{path}").sessions.first_start() == NOW


def test_no_empty_store_is_made_that_would_hide_the_saved_one(open_one: SqlStore, path: Path) -> None:
    delete(path)
    save_deleted_store(open_one.engine)
    with pytest.raises(StoreError, match=r"trellis-assets restore .*recovered"):
        open_store(f"sqlite:///{path}")
    assert not path.exists()


def test_a_store_that_nobody_has_open_cannot_be_saved(open_one: SqlStore, path: Path) -> None:
    open_one.close()
    delete(path)
    with pytest.raises(StoreGoneError):
        save_deleted_store(open_one.engine)
