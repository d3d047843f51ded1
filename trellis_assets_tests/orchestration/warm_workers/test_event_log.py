"""The event log whose runs begin as copies: Dagster's own class finds in them what it would have made."""

import errno
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from trellis_assets.orchestration.warm_workers.event_log import CopiedSqliteEventLogStorage


def schema(path: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        return [
            *tables,
            *connection.execute("SELECT version_num FROM alembic_version").fetchall(),
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "history" / "runs"


def test_a_runs_database_is_as_dagster_makes_it(folder: Path, tmp_path: Path) -> None:
    ours = CopiedSqliteEventLogStorage(str(folder))
    assert list(ours.get_logs_for_run("a")) == []
    theirs = SqliteEventLogStorage(str(tmp_path / "theirs"))
    assert list(theirs.get_logs_for_run("a")) == []
    assert schema(folder / "a.db") == schema(tmp_path / "theirs" / "a.db")
    assert ours.get_all_run_ids() == ["a"], "the template is taken for no run"


def test_an_event_is_in_the_runs_file_at_once_for_whoever_watches_it(folder: Path) -> None:
    """The UI looks at changes of the file; a write-ahead log would hide them from it."""
    ours = CopiedSqliteEventLogStorage(str(folder))
    assert list(ours.get_logs_for_run("a")) == []
    with sqlite3.connect(folder / "a.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_processes_that_open_a_new_run_at_once_share_one_database(folder: Path) -> None:
    stores = [CopiedSqliteEventLogStorage(str(folder)) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert all(logs == [] for logs in threads.map(lambda s: list(s.get_logs_for_run("a")), stores))
    assert [path.name for path in folder.iterdir() if "part" in path.name] == []


def test_a_file_system_without_hard_links_serves_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    ours = CopiedSqliteEventLogStorage(str(folder))
    assert list(ours.get_logs_for_run("a")) == []
    assert ours.get_all_run_ids() == ["a"]
    assert [path.name for path in folder.iterdir() if "part" in path.name] == []


def test_dagsters_own_class_reads_the_events(folder: Path) -> None:
    ours = CopiedSqliteEventLogStorage(str(folder))

    @dg.op
    def work() -> None: ...

    @dg.job(executor_def=dg.in_process_executor)
    def job() -> None:
        work()

    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance)
        events = instance.all_logs(result.run_id)
    for event in events:
        ours.store_event(event)
    read = list(SqliteEventLogStorage(str(folder)).get_logs_for_run(result.run_id))
    assert [event.message for event in read] == [event.message for event in events]
