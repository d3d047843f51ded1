"""Dagster's own history, in SQLite and in PostgreSQL: cut to the newest runs, and its dead runs closed."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from trellis_assets.orchestration.daemon_health import dagster_state
from trellis_assets.orchestration.dagster_home import dagster_home, write_dagster_home
from trellis_assets.orchestration.orphaned_runs import close_orphaned_runs
from trellis_assets.orchestration.run_retention import prune_runs, sweep_leftovers
from trellis_assets.settings import Settings

pytestmark = pytest.mark.both_databases

DAYS = dg.StaticPartitionsDefinition(["monday", "tuesday"])


@dg.asset(partitions_def=DAYS)
def report() -> None:
    """An asset by day."""


@dg.op
def work(context: dg.OpExecutionContext) -> int:
    context.log_event(dg.AssetMaterialization("submissions"))
    return 1


@dg.op
def end(number: int) -> None:
    assert number


@dg.job
def mining() -> None:
    end(work())


@pytest.fixture
def home(tmp_path: Path, database: str, empty_database_url: str) -> Path:
    dagster_url = empty_database_url if database == "postgresql" else None
    settings = Settings.load(data_dir=tmp_path, dagster_database_url=dagster_url)
    write_dagster_home(settings, code_server_port=1)
    return dagster_home(settings)


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def traces(home: Path, run_id: str) -> list[Path]:
    return [path for path in home.rglob("*") if run_id in path.name]


def test_what_a_run_left_that_was_deleted_in_the_ui_goes_and_a_new_run_s_files_stay(
    instance: dg.DagsterInstance, home: Path
) -> None:
    storage = dg.FilesystemIOManager(base_dir=str(home / "storage"))
    job = mining.graph.to_job(name="mining", resource_defs={"io_manager": storage})
    deleted, kept, young = [job.execute_in_process(instance=instance).run_id for _ in range(3)]
    for run_id in (deleted, young):
        instance.delete_run(run_id)
    assert traces(home, deleted), "Dagster leaves them"
    two_hours_ago = time.time() - 7200
    for run_id in (deleted, kept):
        for path in traces(home, run_id):
            os.utime(path, (two_hours_ago, two_hours_ago))
    assert sweep_leftovers(instance, home) == 1
    assert not traces(home, deleted)
    assert traces(home, kept)
    assert traces(home, young), "a run that begins has files before it is in Dagster's table"


def test_the_newest_runs_stay_and_the_others_leave_nothing(instance: dg.DagsterInstance, home: Path) -> None:
    storage = dg.FilesystemIOManager(base_dir=str(home / "storage"))
    job = mining.graph.to_job(name="mining", resource_defs={"io_manager": storage})
    ids = [job.execute_in_process(instance=instance).run_id for _ in range(5)]
    assert all(traces(home, run_id) for run_id in ids)
    assert prune_runs(instance, home, keep=2) == 3
    assert {run.run_id for run in instance.get_runs()} == set(ids[3:])
    assert [run_id for run_id in ids[:3] if traces(home, run_id)] == []
    assert all(traces(home, run_id) for run_id in ids[3:])
    assert len(instance.fetch_materializations(dg.AssetKey("submissions"), limit=10).records) == 2
    assert prune_runs(instance, home, keep=2) == 0


def test_a_run_in_progress_stays(instance: dg.DagsterInstance, home: Path) -> None:
    for _ in range(3):
        instance.create_run_for_job(mining, status=dg.DagsterRunStatus.STARTED)
    assert prune_runs(instance, home, keep=1) == 0


def test_the_last_run_of_each_partition_stays(instance: dg.DagsterInstance, home: Path) -> None:
    for day in ("monday", "monday", "tuesday", "tuesday", "tuesday"):
        dg.materialize([report], instance=instance, partition_key=day)
    assert prune_runs(instance, home, keep=1) == 3
    partitions = {run.tags["dagster/partition"] for run in instance.get_runs()}
    assert partitions == {"monday", "tuesday"}
    status = instance.get_materialized_partitions(dg.AssetKey("report"))
    assert status == {"monday", "tuesday"}


def test_runs_of_a_killed_miner_are_closed(instance: dg.DagsterInstance, home: Path) -> None:
    for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.SUCCESS):
        instance.create_run_for_job(mining, status=status)
    assert len(close_orphaned_runs(home)) == 2
    assert instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) == 2


def test_daemons_that_never_lived_are_silent(home: Path) -> None:
    assert "SENSOR" in dagster_state(home).silent


def test_the_home_says_where_the_runs_are_and_holds_no_password(home: Path, database: str) -> None:
    written = (home / "dagster.yaml").read_text(encoding="utf-8")
    assert "secret" not in written
    assert ("DAGSTER_POSTGRES_URL" in written) is (database == "postgresql")
    assert ("SqliteRunStorage" in written) is (database == "sqlite")
    assert "max_concurrent_runs" in written, "the rest is as in dagster.yaml"
