"""Write Dagster's home in the data folder: `dagster.yaml` and the workspace file, with paths in it."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from trellis_assets.settings import RunLauncherName, Settings, SettingsError

LOCATION = "trellis_assets"
# The module that `dagster-daemon` runs: the command is not on every PATH.
DAEMON_MODULE = "dagster._daemon"
# On every run of a backfill, by Dagster.
BACKFILL_TAG = "dagster/backfill"
# Not the settings' own variables: Dagster's processes let `.env` override what they inherit, and there the
# URLs are as the operator wrote them.
DATABASE_VARIABLE, BROKER_VARIABLE = "DAGSTER_POSTGRES_URL", "DAGSTER_CELERY_BROKER_URL"


def dagster_home(settings: Settings) -> Path:
    """Return the folder that the miner's `DAGSTER_HOME` names."""
    return settings.storage.folder / "dagster"


def worker_home(settings: Settings) -> Path:
    """Return a worker's Dagster home; a worker and a miner may share a data folder."""
    return settings.storage.folder / "dagster-worker"


def write_dagster_home(settings: Settings, code_server_port: int) -> Path:
    """Write the miner's home, with the project's `dagster.yaml` pointing into it.

    Returns:
        The workspace file, which names the code server on `code_server_port`.
    """
    home = dagster_home(settings)
    write_instance(settings, home)
    server = {"host": "127.0.0.1", "port": code_server_port, "location_name": LOCATION}
    workspace = home / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
    return workspace


def write_instance(settings: Settings, home: Path) -> None:
    """Write the home's `dagster.yaml`.

    Raises:
        SettingsError: a library that the settings need is not installed, or a URL is not set.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    instance = _read("dagster.yaml")
    if settings.storage.dagster_database_url is None:
        del instance["storage"]
        instance |= _sqlite(home / "storage")
    else:
        instance |= _read("dagster.postgres.yaml")
    name_secrets(settings)
    instance["local_artifact_storage"]["config"]["base_dir"] = str(home)
    instance["compute_logs"] = {
        "module": "trellis_assets.orchestration.warm_workers.compute_logs",
        "class": "FileComputeLogManager",
        "config": {"base_dir": str(home / "compute_logs")},
    }
    workers, queue = settings.orchestration.max_concurrent_runs, instance["run_coordinator"]["config"]
    # Mining runs are launched past the queue, but count in it: maintenance must find a place beside them.
    queue["max_concurrent_runs"] = 2 * workers
    for limit in queue["tag_concurrency_limits"]:
        if limit["key"] == BACKFILL_TAG:
            limit["limit"] = max(1, workers // 4)
    instance["run_launcher"] = _run_launcher(settings, home)
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance, sort_keys=False), encoding="utf-8")


def _sqlite(folder: Path) -> dict[str, Any]:
    """Return the storage section for SQLite, in the folders that Dagster's `storage: sqlite` uses."""
    return {
        "run_storage": {
            "module": "dagster._core.storage.runs",
            "class": "SqliteRunStorage",
            "config": {"base_dir": str(folder / "history")},
        },
        "event_log_storage": {
            "module": "trellis_assets.orchestration.warm_workers.event_log",
            "class": "CopiedSqliteEventLogStorage",
            "config": {"base_dir": str(folder / "history" / "runs")},
        },
        "schedule_storage": {
            "module": "dagster._core.storage.schedules",
            "class": "SqliteScheduleStorage",
            "config": {"base_dir": str(folder / "schedules")},
        },
    }


def _run_launcher(settings: Settings, home: Path) -> dict[str, Any]:
    """Return the launcher section: this machine's warm workers, or Celery's."""
    if settings.orchestration.run_launcher is RunLauncherName.CELERY:
        celery_broker(settings)
        launcher: dict[str, Any] = _read("dagster.celery.yaml")["run_launcher"]
        launcher["config"]["default_queue"] = settings.orchestration.celery_queues[0]
        return launcher
    return {
        "module": "trellis_assets.orchestration.warm_workers.launcher",
        "class": "WarmRunLauncher",
        "config": {"home": str(home)},
    }


def celery_broker(settings: Settings) -> str:
    """Return the URL of the Redis that hands runs to workers.

    Raises:
        SettingsError: none is set, or its client libraries are not installed.
    """
    if settings.orchestration.celery_broker is None:
        raise SettingsError("TRELLIS_RUN_LAUNCHER=celery needs a Redis: set TRELLIS_CELERY_BROKER to its URL")
    if find_spec("dagster_celery") is None or find_spec("redis") is None:
        raise SettingsError("TRELLIS_RUN_LAUNCHER=celery needs: pip install 'trellis-assets[celery]'")
    return settings.orchestration.celery_broker.get_secret_value()


def name_secrets(settings: Settings) -> None:
    """Set the environment variables that the home's `dagster.yaml` reads its URLs from.

    This keeps passwords out of our files; the settings may come from `.env`, which Dagster does not read.
    """
    for variable, url in (
        (DATABASE_VARIABLE, settings.storage.dagster_database_url),
        (BROKER_VARIABLE, settings.orchestration.celery_broker),
    ):
        if url is not None:
            os.environ[variable] = url.get_secret_value()


def _read(name: str) -> dict[str, Any]:
    """Read the project's YAML file: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent.parent
    beside = package.parent / name
    path = beside if beside.exists() else package / name
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read
