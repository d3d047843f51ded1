"""Start the run of a task, and tell what became of it."""

import logging
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.launcher import DefaultRunLauncher, WorkerStatus
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import CodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.domain.tasks import Task, printable
from trellis_assets.observability.audit_log import audit
from trellis_assets.orchestration.run_tags import tags_at_start
from trellis_assets.orchestration.warm_workers.launcher import WarmRunLauncher

DEFINITIONS_MODULE, DEFINITIONS = "trellis_assets.definitions", "defs"
RUN_KEY_TAG, SENSOR_TAG = "dagster/run_key", "dagster/sensor_name"
_RUN_IDS = uuid.UUID("7e1f0a5c-5f0e-4c39-9b0a-3f5a1d2c6b17")
_RUNNING = {
    # A run that was created and not launched, because its creator died just then.
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
}


def run_status(instance: dg.DagsterInstance, run_key: str) -> RunStatus:
    """Return what became of the run with this run key."""
    runs = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: run_key}), limit=1)
    if not runs:
        return RunStatus.NONE
    if runs[0].status is dg.DagsterRunStatus.QUEUED:
        return RunStatus.QUEUED
    return RunStatus.RUNNING if runs[0].status in _RUNNING else RunStatus.ENDED


def run_request(task: Task) -> dg.RunRequest:
    """Return the request of a task's run.

    Its run key is miner, validator and task id, and the attempt where it is not the first.
    """
    return dg.RunRequest(
        run_key=task.run_key,
        run_config={"ops": {"generate": {"config": {"task_key": task.key}}}},
        tags=tags_at_start(task),
    )


def launches_at_once(instance: dg.DagsterInstance) -> bool:
    """Return whether runs can be launched from here: the default launcher needs the daemon's workspace."""
    return not isinstance(instance.run_launcher, DefaultRunLauncher)


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run that its launcher took."""

    run_id: str
    run_key: str
    task_key: int


@dataclass(frozen=True, slots=True, eq=False)
class RunStarter:
    """Start runs of one job without Dagster's queue, which would hold each back for a second or more.

    Attributes:
        routing_tags: tags that tell the launcher where a task's run goes.
        problem: why the launcher takes no run now; None when it does.
    """

    instance: dg.DagsterInstance
    repository: dg.RepositoryDefinition
    location: CodeLocationOrigin
    job_name: str
    sensor_name: str
    routing_tags: Callable[[Task], dict[str, str]] = lambda _task: {}
    problem: Callable[[], str | None] = lambda: None
    _started: SimpleQueue[StartedRun] = field(default_factory=SimpleQueue)

    def take_started(self) -> list[StartedRun]:
        """Return the runs that were started since the last call. Safe to call from any thread."""
        taken: list[StartedRun] = []
        while True:
            try:
                taken.append(self._started.get_nowait())
            except Empty:
                return taken

    def start(self, task: Task) -> None:
        """Create and launch the task's run; do nothing where one exists under its run key.

        A failure is written to the audit log; the task is dispatched again, since it has no live run.
        """
        self._close_earlier(task)
        request = run_request(task)
        routing = self.routing_tags(task)
        assert request.run_key is not None
        origin = RemoteJobOrigin(RemoteRepositoryOrigin(self.location, self.repository.name), self.job_name)
        try:
            run = self.instance.create_run_for_job(
                self.repository.get_job(self.job_name),
                run_id=_run_id(request.run_key),
                run_config=request.run_config,
                tags={RUN_KEY_TAG: request.run_key, SENSOR_TAG: self.sensor_name, **request.tags, **routing},
                remote_job_origin=origin,
                job_code_origin=code_origin(self.job_name),
            )
            self.instance.launch_run(run.run_id, None)  # type: ignore[arg-type]  # our launchers need none
            self._started.put(StartedRun(run.run_id, request.run_key, task.key))
        except DagsterRunAlreadyExists:
            return  # a tick and the poller thread have found the task at once
        except Exception as error:  # noqa: BLE001 - launchers raise what their brokers raise
            reason = printable(f"{type(error).__name__}: {error}", 300)
            audit("run not started", task=task, level=logging.ERROR, reason=reason)

    def _close_earlier(self, task: Task) -> None:
        """Mark the run of the attempt before as failed, if it is in progress and no process executes it.

        Its worker died without reporting it, on another machine for example.
        """
        if task.attempt == 0:
            return
        run = self.instance.get_run_by_id(_run_id(replace(task, attempt=task.attempt - 1).run_key))
        if run is None or run.is_finished:
            return
        launcher = self.instance.run_launcher
        is_warm = isinstance(launcher, WarmRunLauncher)
        if is_warm and launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING:
            return
        self.instance.report_run_failed(run, f"its worker is gone; attempt {task.attempt} goes on")


def _run_id(run_key: str) -> str:
    return str(uuid.uuid5(_RUN_IDS, run_key))


def code_origin(job_name: str) -> JobPythonOrigin:
    """Return where run workers find the job: in this package, with this Python."""
    repository = RepositoryPythonOrigin(
        executable_path=sys.executable,
        code_pointer=ModuleCodePointer(DEFINITIONS_MODULE, DEFINITIONS, working_directory=None),
        container_image=None,
        entry_point=DEFAULT_DAGSTER_ENTRY_POINT,
        container_context=None,
    )
    return JobPythonOrigin(job_name, repository)
