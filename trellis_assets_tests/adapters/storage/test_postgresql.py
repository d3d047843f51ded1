"""What is PostgreSQL's alone: restarts of the server, locks that are not given back, secrets, pg_dump."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from trellis_assets.adapters.storage import postgresql
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.diagnostics.doctor import examine
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.ports import StoreError
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import MINER, NOW, a_pulled_task, a_validator
from trellis_assets.testing.postgres_server import PostgresServer
from trellis_assets_tests.ended_tasks import History

pytestmark = pytest.mark.postgresql_only

UNTIL = NOW + timedelta(seconds=30)


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """Yield a server that the test may stop."""
    server = PostgresServer()
    yield server
    server.close()


def arrive(store: SqlStore, task_id: str) -> Task:
    pulled = a_pulled_task(task_id)
    return store.arrivals.record(
        pulled, validator=a_validator(1), miner_hotkey=MINER, now=NOW, session_id=None
    ).task


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_usual_ways_to_write_the_url_all_work(database_url: str, scheme: str) -> None:
    store = open_store(database_url.replace("postgresql", scheme, 1))
    assert store.statistics.count_by_state() == {}
    assert store.engine.driver == "psycopg"
    store.close()


def test_options_of_the_url_win_over_ours(database_url: str) -> None:
    store = open_store(f"{database_url}?options=-c%20lock_timeout%3D7s&application_name=mine")
    with store.engine.connect() as connection:
        shown = [
            connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("lock_timeout", "application_name", "idle_in_transaction_session_timeout")
        ]
    assert shown == ["7s", "mine", "1min"]
    store.close()


def test_a_store_outlives_a_restart_of_its_server(own_server: PostgresServer) -> None:
    store = open_store(own_server.migrated_database())
    key = arrive(store, "a").key
    own_server.stop()
    own_server.start()
    assert store.claims.claim(key, "run", now=NOW, until=UNTIL) is not None
    assert store.tasks.get(key).run_id == "run"
    store.close()


def test_who_comes_while_the_server_restarts_waits_for_it(own_server: PostgresServer) -> None:
    store = open_store(own_server.migrated_database())
    key = arrive(store, "a").key
    own_server.stop()
    with ThreadPoolExecutor(1) as pool:
        claimed = pool.submit(store.claims.claim, key, "run", now=NOW, until=UNTIL)
        time.sleep(1)
        assert not claimed.done()
        own_server.start()
        assert claimed.result(20) is not None
    store.close()


def test_a_transaction_that_the_restart_cut_off_is_named_and_left_nothing(own_server: PostgresServer) -> None:
    store = open_store(own_server.migrated_database())
    key = arrive(store, "a").key

    def cut_off() -> None:
        with store.transactions.writing() as session:
            session.execute(text("UPDATE tasks SET state = 'failed'"))
            own_server.stop()
            own_server.start()
            session.execute(text("UPDATE tasks SET state = 'kept'"))

    with pytest.raises(StoreError, match=r"miner:\*\*\*@127.0.0.1"):
        cut_off()
    assert store.tasks.get(key).state is TaskState.PULLED
    store.close()


def test_a_server_that_is_killed_keeps_what_was_committed_and_nothing_else() -> None:
    server = PostgresServer(is_durable=True)
    store = open_store(server.migrated_database())
    key = arrive(store, "a").key

    def cut_off() -> None:
        with store.transactions.writing() as session:
            session.execute(text("UPDATE tasks SET state = 'failed'"))
            server.kill()
            server.start()

    try:
        with pytest.raises(StoreError):
            cut_off()
        assert store.tasks.get(key).state is TaskState.PULLED
        assert store.claims.claim(key, "run", now=NOW, until=UNTIL) is not None
    finally:
        store.close()
        server.close()


@pytest.mark.parametrize("what", ["open", "doctor"])
def test_a_server_that_is_down_is_named_without_its_password(
    what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgresql, "FIRST_PATIENCE_S", 0)
    url = "postgresql://miner:hunter2@127.0.0.1:1/trellis"
    if what == "open":
        with pytest.raises(StoreError) as caught:
            open_store(url)
        said = str(caught.value)
    else:
        results = examine(Settings.load(data_dir=tmp_path, database_url=url, harvest=False))
        (said,) = (result.text for result in results if result.part == "store")
    assert "cannot be opened" in said
    assert "127.0.0.1" in said
    assert "hunter2" not in said


def test_a_lock_that_is_not_given_back_is_waited_for_in_vain_only_so_long(
    store: SqlStore, database_url: str
) -> None:
    key = arrive(store, "a").key
    hasty = open_store(f"{database_url}?options=-c%20lock_timeout%3D200ms")
    with store.transactions.writing() as session:
        session.execute(text("SELECT * FROM tasks FOR UPDATE"))
        with pytest.raises(StoreError, match="lock timeout"):
            hasty.claims.claim(key, "two", now=NOW, until=UNTIL)
    assert hasty.claims.claim(key, "two", now=NOW, until=UNTIL) is not None
    hasty.close()


def test_who_stops_in_the_midst_of_a_transaction_loses_its_locks(store: SqlStore, database_url: str) -> None:
    key = arrive(store, "a").key
    stuck = open_store(f"{database_url}?options=-c%20idle_in_transaction_session_timeout%3D300ms")

    def stop_midway() -> None:
        with stuck.transactions.writing() as session:
            session.execute(text("UPDATE tasks SET run_id = 'stuck', claimed_until = '2100-01-01'"))
            # It waits for the row's lock, which the server takes from who does nothing with it.
            assert store.claims.claim(key, "two", now=NOW, until=UNTIL) is not None

    with pytest.raises(StoreError):
        stop_midway()
    assert store.tasks.get(key).run_id == "two"
    stuck.close()


def test_a_reading_transaction_sees_one_state_and_writes_nothing(store: SqlStore) -> None:
    arrive(store, "a")
    count = text("SELECT count(*) FROM tasks")
    with store.transactions.reading() as session:
        before = session.scalar(count)
        arrive(store, "b")
        assert session.scalar(count) == before == 1
    with pytest.raises(StoreError, match="read-only"), store.transactions.reading() as session:
        session.execute(text("DELETE FROM tasks"))


def test_a_process_has_no_more_connections_than_the_docs_say(store: SqlStore) -> None:
    busy = [store.engine.connect() for _ in range(12)]
    store.engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="QueuePool limit"):
        store.statistics.count_by_state()
    for connection in busy:
        connection.close()
    assert store.statistics.count_by_state() == {}


def test_pg_dump_and_pg_restore_bring_a_lost_store_back(
    store: SqlStore, postgres_server: PostgresServer, database_url: str, tmp_path: Path
) -> None:
    """The commands of docs/scaling.md."""
    history = History(store)
    history.answered()
    history.handed_back("duplicate")
    dump = tmp_path / "trellis.dump"
    postgres_server.tool("pg_dump", "--format=custom", f"--file={dump}", database_url)
    other = postgres_server.empty_database()
    postgres_server.tool(
        "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={other}", str(dump)
    )
    restored = open_store(other)
    assert restored.statistics.snapshot(None, NOW) == store.statistics.snapshot(None, NOW)
    assert arrive(restored, "new").key > max(task.key for task in store.tasks.in_states(TaskState))
    restored.close()
    postgres_server.drop(other)
