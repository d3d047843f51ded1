"""Dagster's home in the data folder: `dagster.yaml` and the workspace, with their paths moved there."""

import os
from pathlib import Path
from typing import Any

import yaml

from trellis_assets.settings import Settings

LOCATION = "trellis_assets"
# Not the setting's own variable: Dagster's processes put what `.env` says in the place of what they
# inherit, and there the URL is as somebody wrote it.
DATABASE_VARIABLE = "DAGSTER_POSTGRES_URL"


def dagster_home(settings: Settings) -> Path:
    """The folder that `DAGSTER_HOME` names."""
    return settings.folder / "dagster"


def write_dagster_home(settings: Settings, code_server_port: int) -> Path:
    """The home exists, with the project's `dagster.yaml` pointing into it.

    Returns:
        The workspace file, which names the code server on `code_server_port`.
    """
    home = dagster_home(settings)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    instance = _read("dagster.yaml")
    if settings.dagster_database_url is None:
        instance["storage"]["sqlite"]["base_dir"] = str(home / "storage")
    else:
        instance |= _read("dagster.postgres.yaml")
        name_dagster_database(settings)
    instance["local_artifact_storage"]["config"]["base_dir"] = str(home)
    instance["compute_logs"]["config"]["base_dir"] = str(home / "compute_logs")
    instance["run_coordinator"]["config"]["max_concurrent_runs"] = settings.max_concurrent_runs
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance, sort_keys=False), encoding="utf-8")
    server = {"host": "127.0.0.1", "port": code_server_port, "location_name": LOCATION}
    workspace = home / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
    return workspace


def name_dagster_database(settings: Settings) -> None:
    """Whoever opens the home in this process finds what its `dagster.yaml` asks the environment for.

    The password is in no file of ours; the setting may come from `.env`, which Dagster does not read.
    """
    if settings.dagster_database_url is not None:
        os.environ[DATABASE_VARIABLE] = settings.dagster_database_url.get_secret_value()


def _read(name: str) -> dict[str, Any]:
    """The project's file: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent.parent
    beside = package.parent / name
    path = beside if beside.exists() else package / name
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read
