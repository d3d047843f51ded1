"""Every use of Dagster's private API is listed here: after an upgrade this test names what broke, and where.

A name that begins with an underscore may change in any release of Dagster. All of them are used in
`trellis_assets/orchestration/` only.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import dagster
import pytest

PACKAGE = Path(__file__).parents[2] / "trellis_assets"
HOME = "orchestration/"
# Module, and name in it ("" for the module itself): what it is used for.
PRIVATE = {
    (
        "dagster._cli.api",
        "_execute_run_command_body",
    ): "a warm worker executes a run as Dagster's command does",
    ("dagster._core.code_pointer", "ModuleCodePointer"): "tells run workers where the job is",
    ("dagster._core.definitions.repository_definition", "SINGLETON_REPOSITORY_NAME"): "addresses the sensor",
    ("dagster._core.definitions.run_request", "InstigatorType"): "finds the sensor's switch and ticks",
    (
        "dagster._core.definitions.run_status_sensor_definition",
        "RunStatusSensorCursor",
    ): "looks back at start",
    ("dagster._core.definitions.sensor_definition", "SensorExecutionData"): "type of a sensor's evaluation",
    ("dagster._core.errors", "DagsterRunAlreadyExists"): "two starters of one run key: the second gives way",
    ("dagster._core.execution.compute_logs", "redirect_to_file"): "keeps what a run prints",
    ("dagster._core.launcher", "DefaultRunLauncher"): "tells `dagster dev` from `mine`",
    ("dagster._core.launcher", "WorkerStatus"): "whether a run's process lives",
    ("dagster._core.launcher.base", "CheckRunHealthResult"): "run monitoring",
    ("dagster._core.launcher.base", "LaunchRunContext"): "argument of our launcher",
    ("dagster._core.launcher.base", "RunLauncher"): "base of our launcher",
    ("dagster._core.launcher.base", "WorkerStatus"): "run monitoring",
    ("dagster._core.origin", "DEFAULT_DAGSTER_ENTRY_POINT"): "tells run workers how to start",
    ("dagster._core.origin", "JobPythonOrigin"): "tells run workers where the job is",
    ("dagster._core.origin", "RepositoryPythonOrigin"): "tells run workers where the job is",
    ("dagster._core.remote_origin", "CodeLocationOrigin"): "ties a run to the sensor's page",
    ("dagster._core.remote_origin", "GrpcServerCodeLocationOrigin"): "addresses the code server",
    ("dagster._core.remote_origin", "RemoteJobOrigin"): "ties a run to the job's page",
    ("dagster._core.remote_origin", "RemoteRepositoryOrigin"): "ties a run to the sensor's page",
    ("dagster._core.scheduler.instigation", "InstigatorStatus"): "reads the sensor's switch",
    ("dagster._core.scheduler.instigation", "TickStatus"): "writes started runs into a tick",
    ("dagster._core.storage.compute_log_manager", "CapturedLogContext"): "keeps what a run prints",
    ("dagster._core.storage.compute_log_manager", "ComputeIOType"): "keeps what a run prints",
    ("dagster._core.storage.event_log", "SqliteEventLogStorage"): "base of the quicker event log",
    (
        "dagster._core.storage.event_log.sqlite",
        "sqlite_event_log",
    ): "names of its shards, its connection pool",
    ("dagster._core.storage.local_compute_log_manager", "IO_TYPE_EXTENSION"): "keeps what a run prints",
    ("dagster._core.storage.local_compute_log_manager", "LocalComputeLogManager"): "base of our log capture",
    ("dagster._core.storage.runs", ""): "named in dagster.yaml: SqliteRunStorage",
    ("dagster._core.storage.schedules", ""): "named in dagster.yaml: SqliteScheduleStorage",
    ("dagster._core.storage.sql", "create_engine"): "engines of the quicker event log",
    ("dagster._core.storage.sqlite", "SQLITE_BUSY_TIMEOUT_SECONDS"): "engines of the quicker event log",
    ("dagster._core.workspace.context", "WorkspaceProcessContext"): "the UI behind our guard",
    ("dagster._core.workspace.load_target", "WorkspaceFileTarget"): "the UI behind our guard",
    ("dagster._daemon", ""): "started with `python -m`: the daemon",
    ("dagster._grpc.__generated__.dagster_api_pb2", "PingRequest"): "whether the code server answers",
    ("dagster._grpc.__generated__.dagster_api_pb2_grpc", "DagsterApiStub"): "whether the code server answers",
    ("dagster._grpc.client", "DagsterGrpcClient"): "evaluates a stopped sensor, to finish active tasks",
    ("dagster._grpc.types", "SensorExecutionArgs"): "evaluates a stopped sensor, to finish active tasks",
    ("dagster._serdes", "ConfigurableClass"): "classes that dagster.yaml names",
    ("dagster._serdes", "ConfigurableClassData"): "classes that dagster.yaml names",
}
ATTRIBUTES = {
    "dagster._core.storage.event_log.sqlite.sqlite_event_log": ("INDEX_SHARD_NAME", "NullPool"),
    "dagster._core.scheduler.instigation.InstigatorTick": ("with_run_info",),
    "dagster._core.storage.event_log.SqliteEventLogStorage": ("_connect", "_initdb", "path_for_shard"),
    "dagster_webserver.app": ("create_app_from_workspace_process_context",),
}


def is_private(module: str) -> bool:
    return module.startswith("dagster") and any(part.startswith("_") for part in module.split("."))


def uses(path: Path) -> Iterator[tuple[str, str]]:
    """Return module and name of each private import of a file, and of modules that its texts name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and is_private(node.module or ""):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            yield from ((value, "") for value in [node.value] if is_private(value))


def test_private_names_are_used_in_orchestration_only_and_each_is_listed() -> None:
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for use in uses(path):
            found.setdefault(use, []).append(str(path.relative_to(PACKAGE)))
    outside = {use: paths for use, paths in found.items() if not all(p.startswith(HOME) for p in paths)}
    assert outside == {}, "move what needs it to trellis_assets/orchestration/"
    assert set(found) == set(PRIVATE), "list what is new, and delete what is used no more"


@pytest.mark.parametrize(("module", "name"), PRIVATE, ids=lambda part: part or "module")
def test_a_private_name_that_we_use_exists_in_this_release(module: str, name: str) -> None:
    purpose = (
        f"Dagster {dagster.__version__} has no {module}.{name} any more; used for: {PRIVATE[module, name]}"
    )
    assert find_spec(module) is not None, purpose
    assert not name or hasattr(import_module(module), name), purpose


@pytest.mark.parametrize("owner", ATTRIBUTES)
def test_an_attribute_that_we_use_exists_in_this_release(owner: str) -> None:
    module, _, name = owner.rpartition(".")
    try:
        thing = import_module(owner)
    except ModuleNotFoundError:
        thing = getattr(import_module(module), name)
    missing = [attribute for attribute in ATTRIBUTES[owner] if not hasattr(thing, attribute)]
    assert missing == [], f"gone from {owner} in Dagster {dagster.__version__}"
