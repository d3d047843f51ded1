"""Backups of a store that is being written, and what they refuse to put back."""

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from trellis_assets.adapters.storage.backup import backup, restore
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.ports import StoreError
from trellis_assets.testing.fakes import NOW
from trellis_assets_tests.ended_tasks import History

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


def tasks_in(path: Path) -> int:
    opened = open_store(f"sqlite:///{path}")
    count = sum(opened.statistics.count_by_state().values())
    opened.close()
    return count


def test_a_backup_made_while_tasks_come_in_is_whole(store: SqlStore, url: str, tmp_path: Path) -> None:
    history = History(store)
    history.answered()
    is_done = threading.Event()

    def keep_writing() -> None:
        while not is_done.is_set():
            history.answered()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        counts = [backup(url, tmp_path / "backups" / f"{number}.db") for number in range(5)]
    finally:
        is_done.set()
        writer.join()
    assert counts == sorted(counts)
    assert counts[0] >= 1
    for number, count in enumerate(counts):
        path = tmp_path / "backups" / f"{number}.db"
        assert tasks_in(path) == count
        opened = open_store(f"sqlite:///{path}")
        counters = opened.statistics.validator_counters()[0]
        assert count - 1 <= counters.total_successful_submissions <= count, "one moment, all tables"
        opened.close()


def test_a_backup_of_a_large_store_ends_while_somebody_writes_all_the_time(
    store: SqlStore, url: str, tmp_path: Path
) -> None:
    history = History(store)
    history.answered()
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as filling:
        filling.execute("CREATE TABLE filler (content BLOB)")
        filling.executemany("INSERT INTO filler VALUES (?)", [(bytes(2**20),)] * 40)
        filling.commit()
    is_done = threading.Event()
    writes = 0

    def keep_writing() -> None:
        nonlocal writes
        # Bounded: where a copy begins anew after each write, it ends with the last of them.
        with closing(sqlite3.connect(path, timeout=30)) as writer:
            while not is_done.is_set() and writes < 200_000:
                writer.execute("UPDATE filler SET content = zeroblob(10) WHERE rowid = 1")
                writer.commit()
                writes += 1

    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        assert backup(url, tmp_path / "copy.db") == 1
        assert thread.is_alive(), "the backup ended before the writes did"
    finally:
        is_done.set()
        thread.join()


def test_a_backup_is_one_file_that_only_its_owner_reads(store: SqlStore, url: str, tmp_path: Path) -> None:
    History(store).answered()
    backup(url, tmp_path / "backups" / "a.db")
    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["a.db"]
    assert stat.S_IMODE((tmp_path / "backups" / "a.db").stat().st_mode) == 0o600


def test_what_is_restored_is_what_was_backed_up_and_the_rest_is_kept(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    History(store).answered()
    saved = tmp_path / "saved.db"
    backup(url, saved)
    history = History(store)
    history._made = 1
    history.answered()
    store.close()
    aside = restore(url, saved, NOW)
    assert aside is not None
    assert (tasks_in(tmp_path / "trellis.db"), tasks_in(aside)) == (1, 2)


def test_a_store_that_was_lost_is_restored(store: SqlStore, url: str, tmp_path: Path) -> None:
    History(store).answered()
    backup(url, tmp_path / "saved.db")
    elsewhere = f"sqlite:///{tmp_path / 'new' / 'trellis.db'}"
    assert restore(elsewhere, tmp_path / "saved.db", NOW) is None
    assert tasks_in(tmp_path / "new" / "trellis.db") == 1


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 6] = b"\xff" * (4096 * 3)
    path.write_bytes(data)


def from_the_future(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "there is no backup"),
        (lambda path: path.write_text("a shopping list"), "is no backup of a store"),
        (lambda path: path.write_bytes(b""), "is no backup of a store"),
        (damaged, "damaged|no backup of a store"),
        (from_the_future, "newer version"),
    ],
)
def test_what_is_no_backup_is_refused_and_the_store_left_alone(
    url: str, tmp_path: Path, spoil: object, message: str
) -> None:
    store = open_store(url)
    History(store).answered()
    backup(url, tmp_path / "saved.db")
    store.close()
    before = (tmp_path / "trellis.db").read_bytes()
    spoil(tmp_path / "saved.db")  # type: ignore[operator]
    with pytest.raises(StoreError, match=message):
        restore(url, tmp_path / "saved.db", NOW)
    assert (tmp_path / "trellis.db").read_bytes() == before


def test_nothing_to_back_up_and_other_databases_are_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing to back up"):
        backup(f"sqlite:///{tmp_path / 'none.db'}", tmp_path / "b.db")
    with pytest.raises(StoreError, match="pg_dump"):
        backup("postgres://user:secret@host/db", tmp_path / "b.db")
    with pytest.raises(StoreError, match="pg_restore"):
        restore("postgresql://user:secret@host/db", tmp_path / "b.db", NOW)
    with pytest.raises(StoreError, match="TRELLIS_DATABASE_URL"):
        backup("nonsense", tmp_path / "b.db")
