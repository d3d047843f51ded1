"""Dagster's home in the data folder: `dagster.yaml` and the workspace, with their paths moved there."""

from pathlib import Path
from typing import Any

import yaml

from trellis_assets.settings import Settings

LOCATION = "trellis_assets"


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
    instance: dict[str, Any] = yaml.safe_load(instance_file().read_text(encoding="utf-8"))
    instance["storage"]["sqlite"]["base_dir"] = str(home / "storage")
    instance["local_artifact_storage"]["config"]["base_dir"] = str(home)
    instance["compute_logs"]["config"]["base_dir"] = str(home / "compute_logs")
    # Mining runs are launched past the queue, but count in it: upkeep must find a place beside them.
    instance["run_coordinator"]["config"]["max_concurrent_runs"] = 2 * settings.max_concurrent_runs
    instance["run_launcher"] = {
        "module": "trellis_assets.defs.run_workers.launcher",
        "class": "WarmRunLauncher",
        "config": {"home": str(home)},
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance, sort_keys=False), encoding="utf-8")
    server = {"host": "127.0.0.1", "port": code_server_port, "location_name": LOCATION}
    workspace = home / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
    return workspace


def instance_file() -> Path:
    """The project's `dagster.yaml`: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent.parent
    beside = package.parent / "dagster.yaml"
    return beside if beside.exists() else package / "dagster.yaml"
