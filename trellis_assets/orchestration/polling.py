"""Decide whether this process polls and starts runs, and make what does both: poller and run starter."""

import threading
import time
from collections.abc import Callable

import dagster as dg

from trellis_assets.composition import SubnetSteps
from trellis_assets.domain.diagnostics import Health
from trellis_assets.domain.tasks import Task
from trellis_assets.orchestration.poller_thread import PollerThread
from trellis_assets.orchestration.runs import RunStarter, run_status
from trellis_assets.orchestration.sensor_switch import SENSOR_NAME, paused_reason
from trellis_assets.orchestration.warm_workers.launcher import WarmRunLauncher, why_pool_is_unreachable
from trellis_assets.settings import RunLauncherName, Settings, SettingsError
from trellis_assets.steps.poll_continuously import PollingLoop
from trellis_assets.system.heartbeat_files import POLLER, SENSOR, heartbeat_folder, write_heartbeat
from trellis_assets.system.once import once

# Starting a run takes some hundredths of a second, in which the poller does nothing else.
STARTS_AT_ONCE = 8


def why_not_polling(parts: SubnetSteps) -> str | None:
    """Return why no new task is to be pulled now, with what to do about it; None when one may be."""
    settings = parts.settings
    if settings.mining.session_id is not None and parts.store.sessions.is_draining(
        settings.mining.session_id
    ):
        return "stopping: no new tasks are pulled, active tasks are finished"
    if (problem := why_not_starting(parts)) is not None:
        return problem
    if (problem := parts.probe_endpoints_step().run()) is not None:
        return f"not polling, since nothing could be generated: {problem}"
    try:
        problem = parts.verdict_problem()
    except SettingsError as error:
        problem = str(error)
    if problem is not None:
        return f"not polling: TRELLIS_REQUIRE_VERDICT is set and no model can be judged: {problem}"
    return None


def why_not_starting(parts: SubnetSteps) -> str | None:
    """Return why no run may start; None when runs may.

    A run on a full disk would make a model that cannot be kept, and use up one of the task's attempts.
    """
    disk = parts.disk()
    return f"no run is started: {disk.text}: {disk.advice}" if disk.health is Health.FAILED else None


def why_closed(parts: SubnetSteps, starter: RunStarter) -> str | None:
    """Return why nothing is to be pulled, by the pipeline, the run launcher or the sensor's switch."""
    return why_not_polling(parts) or starter.problem() or paused_reason(starter.instance)


@once
def poller_of(parts: SubnetSteps, starter: RunStarter) -> PollerThread:
    """Return the poller of this process; made at the first call."""
    return PollerThread(
        step=lambda: PollingLoop(parts.poll_validators_step(), lambda: start_runs(parts, starter)),
        closed=lambda: why_closed(parts, starter),
        report_progress=lambda figures: write_heartbeat(heartbeat_folder(parts.settings), POLLER, figures),
    )


def beat_of_sensor(parts: SubnetSteps, said: str) -> None:
    """Write the sensor's heartbeat: when it ticked, and what it said."""
    write_heartbeat(heartbeat_folder(parts.settings), SENSOR, {"beat_at": time.monotonic(), "said": said})


def start_runs(parts: SubnetSteps, starter: RunStarter) -> None:
    """Start a run for each active task that no run holds, at most `STARTS_AT_ONCE` of them."""
    parts.end_leases_step.run()
    if why_not_starting(parts) is not None or starter.problem() is not None:
        return
    dispatch = parts.dispatch_runs_step(lambda task: run_status(starter.instance, task.run_key))
    for task in dispatch.run(window=_window(parts.settings), starts=STARTS_AT_ONCE):
        starter.start(task)


def _window(settings: Settings) -> int:
    """Return how many tasks may wait for a worker to begin their runs; Celery's workers may be many."""
    many = settings.orchestration.max_concurrent_runs * (8 if settings.orchestration.uses_celery else 1)
    return max(STARTS_AT_ONCE, many)


_starters: dict[str, RunStarter] = {}
_starters_lock = threading.Lock()


def run_starter(context: dg.SensorEvaluationContext, parts: SubnetSteps, job_name: str) -> RunStarter:
    """Return the run starter of this process; its Dagster instance outlives the tick's."""
    assert context.repository_def is not None
    assert context.code_location_origin is not None
    name = context.code_location_origin.location_name
    with _starters_lock:
        if name not in _starters:
            instance = dg.DagsterInstance.from_ref(context.instance.get_ref())
            routing_tags, problem = _workers(instance, parts)
            _starters[name] = RunStarter(
                instance=instance,
                repository=context.repository_def,
                location=context.code_location_origin,
                job_name=job_name,
                sensor_name=SENSOR_NAME,
                routing_tags=routing_tags,
                problem=problem,
            )
        return _starters[name]


def _workers(
    instance: dg.DagsterInstance, parts: SubnetSteps
) -> tuple[Callable[[Task], dict[str, str]], Callable[[], str | None]]:
    """Return two functions: tags that route a task's run, and why no run can be started now."""
    if parts.settings.orchestration.run_launcher is not RunLauncherName.CELERY:
        folder = heartbeat_folder(parts.settings)
        is_warm = isinstance(instance.run_launcher, WarmRunLauncher)
        return lambda _task: {}, lambda: why_pool_is_unreachable(folder) if is_warm else None
    from trellis_assets.orchestration.celery_workers.launcher import WorkerQueuesLauncher

    launcher, queues = instance.run_launcher, parts.settings.orchestration.celery_queues
    assert isinstance(launcher, WorkerQueuesLauncher)

    def route(task: Task) -> dict[str, str]:
        largest = max((v.stake for v in parts.store.validators.listed()[0]), default=0.0)
        return launcher.routing_tags(task, queues, largest, parts.clock.now())

    return route, lambda: launcher.problem(queues)
