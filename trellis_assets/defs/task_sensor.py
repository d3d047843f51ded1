"""The sensor that asks the validators and starts a run per task."""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache

import dagster as dg

from trellis_assets.composition import Pipeline
from trellis_assets.defs.jobs import mine_task_job
from trellis_assets.defs.resources import PipelineResource
from trellis_assets.domain.diagnostics import Health
from trellis_assets.domain.tasks import Task, printable
from trellis_assets.orchestration.poller_thread import PollerThread
from trellis_assets.orchestration.run_tags import TASK_TAG
from trellis_assets.orchestration.runs import RunStarter, launches_at_once, run_request, run_status
from trellis_assets.orchestration.sensor_switch import paused_reason
from trellis_assets.orchestration.warm_workers.launcher import WarmRunLauncher, why_pool_is_away
from trellis_assets.ports import MetagraphError
from trellis_assets.settings import RunLauncherName, Settings, SettingsError
from trellis_assets.steps.poll_continuously import PollingLoop
from trellis_assets.steps.poll_validators import PollReport
from trellis_assets.system.heartbeat_files import POLLER, SENSOR, heartbeat_folder, write_heartbeat

# The fastest that Dagster's daemon ticks.
TICK = timedelta(seconds=5)
# Starting a run takes some hundredths of a second, in which the poller does nothing else.
STARTS_AT_ONCE = 8
_SHOWN_TASKS = 10


@dg.sensor(
    job=mine_task_job,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps every validator that is due polled, and starts one run per task.",
)
def task_sensor(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SensorResult | dg.SkipReason:
    """What a validator gave is in the store before anything else happens.

    A run is started for every unfinished task without one, so that whoever dies between the two
    loses nothing; the run key makes starting again harmless. Where the run launcher can be called
    from here, a poller does so between the ticks; else runs are requested at the end of the tick.
    """
    parts = pipeline.get()
    if context.code_location_origin is not None and launches_at_once(context.instance):
        skipped = _tick_of_resident(context, parts)
        told = {"beat_at": time.monotonic(), "said": printable(skipped.skip_message or "", 500)}
        write_heartbeat(heartbeat_folder(parts.settings), SENSOR, told)
        return skipped
    if (nothing := _may_not_begin(parts)) is not None:
        return dg.SkipReason(nothing)
    found = _find_work(parts)
    tasks = parts.dispatch_step(lambda task: run_status(context.instance, task.run_key)).run()
    if tasks:
        return dg.SensorResult(run_requests=[run_request(task) for task in tasks])
    return dg.SkipReason(found)


def _tick_of_resident(context: dg.SensorEvaluationContext, parts: Pipeline) -> dg.SkipReason:
    starter = _starter(context, parts)
    if not parts.settings.mining.harvest:
        closed = closed_reason(parts) or starter.problem() or paused_reason(starter.instance)
        made = [] if closed else parts.prompt_step().run()
        _start_runs(parts, starter)
        return dg.SkipReason(closed or f"{len(made)} tasks made from prompts")
    report, hindered = _resident(parts, starter).tick()
    _show_runs(context, report)
    return dg.SkipReason(hindered or f"{_describe_runs(report)} {_describe(report)}")


def _show_runs(context: dg.SensorEvaluationContext, report: PollReport) -> None:
    """Tell of the runs that the poller started: Dagster counts only those that a tick itself requests."""
    cursor = context.cursor or ""
    before = int(cursor) if cursor.isdecimal() else 0
    if report.new_tasks:
        context.update_cursor(str(before + len(report.new_tasks)))
    for key in report.new_tasks:
        context.log.info("pulled task %s: its run has the tag %s=%s", key, TASK_TAG, key)
    for answer, count in sorted(report.answers.items()):
        context.log.info("%s: %s", _in_words(answer), count)


def _in_words(answer: str) -> str:
    """Return the name of an answer's class as words: "TaskAssigned" is "task assigned"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", answer).lower()


def _describe_runs(report: PollReport) -> str:
    """Say how many runs were started since the last tick, and how to find them."""
    if not report.new_tasks:
        return "No run was started since the last tick."
    shown = ", ".join(str(key) for key in report.new_tasks[:_SHOWN_TASKS])
    more = len(report.new_tasks) - _SHOWN_TASKS
    listed = shown + (f" and {more} more" if more > 0 else "")
    runs = "1 run was" if len(report.new_tasks) == 1 else f"{len(report.new_tasks)} runs were"
    return f"{runs} started since the last tick, for task {listed} (tag {TASK_TAG})."


@cache
def _resident(parts: Pipeline, starter: RunStarter) -> PollerThread:
    """The poller of this process."""
    return PollerThread(
        step=lambda: PollingLoop(parts.pull_step(), lambda: _start_runs(parts, starter)),
        closed=lambda: closed_reason(parts) or starter.problem() or paused_reason(starter.instance),
        report_progress=lambda figures: write_heartbeat(heartbeat_folder(parts.settings), POLLER, figures),
    )


def _start_runs(parts: Pipeline, starter: RunStarter) -> None:
    # A start that must fail would only use up one of the task's attempts.
    if _may_not_begin(parts) is not None or starter.problem() is not None:
        return
    dispatch = parts.dispatch_step(lambda task: run_status(starter.instance, task.run_key))
    for task in dispatch.run(window=_window(parts.settings), starts=STARTS_AT_ONCE):
        starter.start(task)


def _window(settings: Settings) -> int:
    """How many tasks may wait for a worker to begin their runs; of Celery's workers there may be many."""
    many = settings.orchestration.max_concurrent_runs * (8 if settings.orchestration.uses_celery else 1)
    return max(STARTS_AT_ONCE, many)


_starters: dict[str, RunStarter] = {}


def _starter(context: dg.SensorEvaluationContext, parts: Pipeline) -> RunStarter:
    """One for the process: its instance outlives the tick's."""
    assert context.repository_def is not None
    assert context.code_location_origin is not None
    name = context.code_location_origin.location_name
    if name not in _starters:
        instance = dg.DagsterInstance.from_ref(context.instance.get_ref())
        routing_tags, problem = _workers(instance, parts)
        _starters[name] = RunStarter(
            instance=instance,
            repository=context.repository_def,
            location=context.code_location_origin,
            job_name=mine_task_job.name,
            sensor_name="task_sensor",
            routing_tags=routing_tags,
            problem=problem,
        )
    return _starters[name]


def _workers(
    instance: dg.DagsterInstance, parts: Pipeline
) -> tuple[Callable[[Task], dict[str, str]], Callable[[], str | None]]:
    """Return where a task's run goes, and why no run can be started now."""
    if parts.settings.orchestration.run_launcher is not RunLauncherName.CELERY:
        folder = heartbeat_folder(parts.settings)
        is_warm = isinstance(instance.run_launcher, WarmRunLauncher)
        return lambda _task: {}, lambda: why_pool_is_away(folder) if is_warm else None
    from trellis_assets.orchestration.celery_workers.launcher import WorkerQueuesLauncher

    launcher, queues = instance.run_launcher, parts.settings.orchestration.celery_queues
    assert isinstance(launcher, WorkerQueuesLauncher)

    def route(task: Task) -> dict[str, str]:
        largest = max((v.stake for v in parts.store.listed_validators()[0]), default=0.0)
        return launcher.routing_tags(task, queues, largest, parts.clock.now())

    return route, lambda: launcher.problem(queues)


def _may_not_begin(parts: Pipeline) -> str | None:
    """Why no run is to be started: it would make a model that cannot be kept, and use up an attempt."""
    disk = parts.disk()
    return f"nothing is begun: {disk.text}: {disk.advice}" if disk.health is Health.FAILED else None


def closed_reason(parts: Pipeline) -> str | None:
    """Why no new task is to be taken now; None when one may be."""
    settings = parts.settings
    if settings.mining.session_id is not None and parts.store.is_draining(settings.mining.session_id):
        return "stopping: no new tasks are taken, the work in hand is finished"
    if (nothing := _may_not_begin(parts)) is not None:
        return nothing
    if (problem := parts.probe_endpoints_step().run()) is not None:
        return f"nothing is pulled that could not be generated: {problem}"
    try:
        problem = parts.verdict_problem()
    except SettingsError as error:
        problem = str(error)
    if problem is not None:
        return (
            f"Nothing is pulled because TRELLIS_REQUIRE_VERDICT is set and no model can be judged: {problem}"
        )
    return None


def _find_work(parts: Pipeline) -> str:
    """New tasks are in the store; the text says what was found."""
    if (closed := closed_reason(parts)) is not None:
        return closed
    if not parts.settings.mining.harvest:
        made = parts.prompt_step().run()
        return f"{len(made)} tasks made from prompts"
    try:
        report = asyncio.run(parts.pull_step(TICK).run())
    except MetagraphError as error:
        return str(error)
    return _describe(report)


def _describe(report: PollReport) -> str:
    if report.problem is not None:
        return report.problem
    if report.polled:
        answers = ", ".join(f"{_in_words(name)} {count}" for name, count in sorted(report.answers.items()))
        return f"{report.polled} polls: {answers}."
    if report.next_due_in_s is None:
        return "Not polling: enough tasks are queued, or no validator is eligible."
    return f"No validator is due; the next one is in {max(0.0, report.next_due_in_s):.0f} s."
