"""A data folder of 24 November 2026 (schema 0007) in this version: nothing is lost, and mining continues.

How it was made: `__main__.py` beside this file.
"""

import contextlib
import json
import sqlite3
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trellis_assets.adapters.storage.schema_upgrade import HEAD, current_revision
from trellis_assets.adapters.storage.store import open_store
from trellis_assets.orchestration.dagster_home import dagster_home, write_dagster_home
from trellis_assets.settings import Settings
from trellis_assets.system.tcp_ports import free_port
from trellis_assets.testing.clean_environment import clean_environment

ARCHIVE = Path(__file__).with_name("2026-11-24.tar.xz")
TASKS = "SELECT key, state, prompt, task_fidelity_score, current_miner_reward FROM tasks ORDER BY key"

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "data"


def rows(database: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def test_the_store_is_migrated_with_every_task_and_its_reward(data: Path) -> None:
    database = data / "trellis.db"
    before = rows(database, TASKS)
    assert rows(database, "SELECT version_num FROM alembic_version") == [("0007",)]
    store = open_store(f"sqlite:///{database}")
    assert current_revision(store.engine) == HEAD
    totals = store.statistics.count_by_state()
    assert {str(state): n for state, n in totals.items()} == Counter(state for _, state, *_ in before)
    store.close()
    assert rows(database, TASKS) == before
    assert len(before) >= 4
    assert sum(reward or 0 for *_, reward in before) > 0


def test_dagsters_home_keeps_its_runs_their_events_and_its_assets(data: Path) -> None:
    runs = dict(rows(data / "dagster" / "storage" / "history" / "runs.db", "SELECT run_id, status FROM runs"))
    settings = Settings.load(env_file=None, data_dir=data)
    write_dagster_home(settings, free_port())
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        assert {run.run_id: run.status.value for run in instance.get_runs()} == runs
        assert len(runs) >= 4
        for run_id in runs:
            assert len(instance.all_logs(run_id)) > 3
        assets = {key.to_user_string() for key in instance.all_asset_keys()}
        assert {"mining_statistics", "task_table"} <= assets
        assert instance.get_latest_materialization_event(dg.AssetKey("mining_statistics")) is not None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("end_to_end")
def test_mining_continues_in_the_folder_of_an_earlier_version(data: Path) -> None:
    database = data / "trellis.db"
    before = rows(database, TASKS)
    ports = {f"TRELLIS_{part}_PORT": str(free_port()) for part in ("WEBSERVER", "GALLERY")}
    command = [sys.executable, "-m", "trellis_assets.cli", "mine", "--tasks", "1", "--json"]
    done = subprocess.run(
        [*command, "--data-dir", str(data)],
        cwd=data.parent, env=clean_environment() | ports,
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1])["session_stats"]["tasks_processed"] == 1
    after = rows(database, TASKS)
    assert after[: len(before)] == before, "earlier tasks stay as they were"
    assert len(after) == len(before) + 1
