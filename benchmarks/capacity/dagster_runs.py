"""What Dagster itself costs a task: making its run, executing its ops, and keeping their events.

The runs are those of the product, over its own instance, one after another in this process, as a warm worker
executes them. Tasks are made from prompts and kept, so that no validator or server is called.
"""

import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._cli.api import _execute_run_command_body
from dagster._core.launcher.base import RunLauncher
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.storage.event_log import SqlEventLogStorage
from orchestration.arena import our_environment
from sqlalchemy import text

from trellis_assets.composition import Pipeline
from trellis_assets.definitions import defs
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.orchestration.dagster_home import LOCATION, dagster_home, write_dagster_home
from trellis_assets.orchestration.runs import RunStarter
from trellis_assets.settings import Settings

WARM_UP = 3


@dataclass
class StorageTime:
    """Seconds spent in Dagster's storages by this process; a call within a call is part of the outer one."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    _depth: int = 0

    def watch(self, storage: object) -> None:
        """Time all public methods of the storage from now on."""
        for name in dir(type(storage)):
            method = getattr(type(storage), name, None)
            if not name.startswith("_") and callable(method):
                setattr(storage, name, self._timed(getattr(storage, name)))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any, **named: Any) -> Any:
            if self._depth:
                return method(*args, **named)
            wall, cpu = time.perf_counter(), time.thread_time()
            self._depth += 1
            try:
                return method(*args, **named)
            finally:
                self._depth -= 1
                self.seconds += time.perf_counter() - wall
                self.cpu_s += time.thread_time() - cpu

        return call


class Nowhere(RunLauncher[dg.DagsterInstance]):
    """A launcher that launches nothing: the benchmark executes the run itself."""

    def launch_run(self, context: Any) -> None:
        """Launch nothing."""

    def terminate(self, run_id: str) -> bool:  # noqa: ARG002 - the base's
        """Return False: nothing runs."""
        return False


@dataclass
class Bench:
    """The product's parts over a Dagster instance whose storages are timed."""

    instance: dg.DagsterInstance
    pipeline: Pipeline
    starter: RunStarter
    storage: StorageTime = field(default_factory=StorageTime)
    found: dict[str, list[float]] = field(default_factory=dict)

    def one_task(self) -> str:
        """Execute a task's run, and the same ops again over the finished task: Dagster's part alone.

        Returns:
            The first run's id.
        """
        self.pipeline.subnet.create_prompt_tasks_step().run()
        (task,) = self.pipeline.subnet.dispatch_runs_step(lambda _task: RunStatus.NONE).run()
        self._timed("create", lambda: self.starter.start(task))
        run_id = self._newest_run()
        self._timed("real", lambda: self._execute(run_id))
        self.found.setdefault("events", []).append(len(self.instance.all_logs(run_id)))
        self.starter.start(replace(task, attempt=task.attempt + 1))
        again = self._newest_run()
        self._timed("empty", lambda: self._execute(again))
        return run_id

    def _execute(self, run_id: str) -> None:
        _execute_run_command_body(run_id, self.instance, lambda _event: None, set_exit_code_on_failure=False)

    def _newest_run(self) -> str:
        return self.instance.get_runs(limit=1)[0].run_id

    def _timed(self, name: str, work: Callable[[], object]) -> None:
        self.storage.seconds = self.storage.cpu_s = 0.0
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        took = {"s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        took |= {"storage_s": self.storage.seconds, "storage_cpu_s": self.storage.cpu_s}
        for unit, value in took.items():
            self.found.setdefault(f"{name}_{unit}", []).append(value)


@contextmanager
def opened(settings: Settings) -> Iterator[Bench]:
    """Open the data folder's instance, with what starts and executes a task's run."""
    write_dagster_home(settings, 1)
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        instance._run_launcher = Nowhere()  # type: ignore[no-untyped-call]  # noqa: SLF001
        origin = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=1, location_name=LOCATION)
        starter = RunStarter(instance, defs.get_repository_def(), origin, "mine_task_job", "task_sensor")
        bench = Bench(instance, Pipeline(settings), starter)
        bench.storage.watch(instance.run_storage)
        bench.storage.watch(instance.event_log_storage)
        yield bench


def measure(tasks: int) -> dict[str, float]:
    """Return medians for the data folder and databases that the environment names."""
    logging.disable(logging.CRITICAL)
    settings = Settings.load()
    with opened(settings) as bench:
        for number in range(-WARM_UP, tasks):
            if number == 0:
                bench.found.clear()
            run_id = bench.one_task()
        found = {name: statistics.median(values) for name, values in bench.found.items()}
        return found | {"event_bytes": _event_bytes(bench.instance, dagster_home(settings), run_id)}


def _event_bytes(instance: dg.DagsterInstance, home: Path, run_id: str) -> float:
    """Return the bytes that the events of a run take."""
    files = list((home / "storage" / "history" / "runs").glob(f"{run_id}.db*"))
    if files:
        return sum(path.stat().st_size for path in files)
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.run_connection(run_id) as connection:
        query = text("SELECT sum(pg_column_size(event_logs.*)) FROM event_logs WHERE run_id = :run_id")
        return float(connection.execute(query, {"run_id": run_id}).scalar() or 0)


def main(tasks: int, database_url: str | None = None, dagster_url: str | None = None) -> dict[str, float]:
    """Measure in a process of its own; without URLs, on SQLite."""
    urls = {"TRELLIS_DATABASE_URL": database_url, "TRELLIS_DAGSTER_DATABASE_URL": dagster_url}
    return dict(apart(__file__, tasks, settings={name: url for name, url in urls.items() if url}))


def apart(script: str, *arguments: int, settings: Mapping[str, str] | None = None) -> Any:
    """Run a script over a temporary data folder, and return what its last line says.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = our_environment() | {
            "TRELLIS_DATA_DIR": folder,
            "TRELLIS_HARVEST": "false",
            "TRELLIS_SUBMIT": "false",
            "TRELLIS_MAX_WAITING_TASKS": "1",
            "DAGSTER_HOME": f"{folder}/dagster",
        }
        done = subprocess.run(
            [sys.executable, script, *map(str, arguments)],
            env={**environment, **(settings or {})},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure(int(sys.argv[1]))) + "\n")
