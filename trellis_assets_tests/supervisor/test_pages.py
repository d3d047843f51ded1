"""Dagster's pages apart from the miner."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from trellis_assets.settings import Settings, SettingsError
from trellis_assets.supervisor.pages import WORKSPACE, pages_command
from trellis_assets.system.tcp_ports import free_port
from trellis_assets.testing.postgres_server import PostgresServer

QUESTION = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } sensors { name } } } } }
"""


def test_pages_need_a_history_in_postgresql(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="mine --ui"):
        pages_command(Settings.load(data_dir=tmp_path), "127.0.0.1")


def test_code_location_of_the_pages_has_the_miners_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "")  # given back after the test: the call sets it
    settings = Settings.load(data_dir=tmp_path, dagster_database_url="postgresql://u:p@127.0.0.1/d")
    command = pages_command(settings, "127.0.0.1")
    workspace = command[command.index("--workspace") + 1]
    assert workspace == str(tmp_path / "dagster" / WORKSPACE)
    (location,) = yaml.safe_load(Path(workspace).read_text(encoding="utf-8"))["load_from"]
    assert location["python_module"]["location_name"] == "trellis_assets"


@pytest.mark.slow
@pytest.mark.postgresql_only
def test_pages_show_the_sensors_without_a_wallet(tmp_path: Path, postgres_server: PostgresServer) -> None:
    port, clean = free_port(), {k: v for k, v in os.environ.items() if not k.startswith("TRELLIS_")}
    environment = clean | {
        "TRELLIS_DATA_DIR": str(tmp_path),
        "TRELLIS_DATABASE_URL": postgres_server.migrated_database(),
        "TRELLIS_DAGSTER_DATABASE_URL": postgres_server.empty_database(),
        "TRELLIS_RUN_LAUNCHER": "celery",
        "TRELLIS_CELERY_BROKER": "redis://127.0.0.1:1/0",  # asked only when somebody starts a run
        "TRELLIS_NETWORK": "finney",
        "TRELLIS_WALLET_PATH": str(tmp_path / "there are none"),
    }
    command = [sys.executable, "-m", "trellis_assets.cli", "webserver", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)
    try:
        (repository,) = ask(port, time.monotonic() + 90)
    finally:
        process.terminate()
        process.wait(30)
    assert repository["location"]["name"] == "trellis_assets"
    assert {sensor["name"] for sensor in repository["sensors"]} == {
        "task_sensor",
        "failure_sensor",
        "first_look_sensor",
    }


def ask(port: int, deadline: float) -> list[dict[str, object]]:
    """Return what the pages know of repositories, as soon as they answer."""
    while True:
        try:
            answer = httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": QUESTION}, timeout=30)
            return list(answer.json()["data"]["repositoriesOrError"]["nodes"])
        except httpx.ConnectError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
