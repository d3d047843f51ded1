"""The sensor that polls validators and starts a run for each task."""

import asyncio
from datetime import timedelta

import dagster as dg

from trellis_assets.composition import SubnetSteps
from trellis_assets.defs.jobs import mine_task_job
from trellis_assets.defs.resources import SubnetResource
from trellis_assets.domain.tasks import printable
from trellis_assets.orchestration.polling import (
    beat_of_sensor,
    poller_of,
    run_starter,
    start_runs,
    why_closed,
    why_not_polling,
    why_not_starting,
)
from trellis_assets.orchestration.runs import launches_at_once, run_request, run_status
from trellis_assets.orchestration.sensor_switch import SENSOR_NAME
from trellis_assets.orchestration.sensor_ticks import (
    describe_polls,
    describe_runs,
    log_tick,
    record_runs,
)
from trellis_assets.ports import MetagraphError
from trellis_assets.steps.poll_validators import PollReport

# The fastest that Dagster's daemon ticks.
TICK = timedelta(seconds=5)


@dg.sensor(
    name=SENSOR_NAME,
    job=mine_task_job,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Polls each validator when it is due, and starts one run per task. Polls and starts happen "
    "between two ticks: a tick lists the runs that were started until the next one. Stopping this sensor "
    "stops polling; active tasks are still finished.",
)
def task_sensor(
    context: dg.SensorEvaluationContext, subnet: SubnetResource
) -> dg.SensorResult | dg.SkipReason:
    """Keep the poller thread at work, or poll once, and see that every active task has a run.

    A pulled task is in the store before anything else happens, and a run is started for every active task
    without one: a crash between the two loses nothing, and the run key makes starting again harmless. Where
    the run launcher can be called from here, the poller thread starts runs between the ticks; elsewhere
    (`dagster dev`) the tick polls once and requests the runs at its end.
    """
    parts = subnet.get()
    if context.code_location_origin is not None and launches_at_once(context.instance):
        said = _tick_of_poller(context, parts)
        beat_of_sensor(parts, printable(said, 500))
        return dg.SkipReason(said)
    if (problem := why_not_starting(parts)) is not None:
        return dg.SkipReason(problem)
    found = _poll_once(parts)
    parts.end_leases_step.run()
    tasks = parts.dispatch_runs_step(lambda task: run_status(context.instance, task.run_key)).run()
    if tasks:
        return dg.SensorResult(run_requests=[run_request(task) for task in tasks])
    return dg.SkipReason(found)


def _tick_of_poller(context: dg.SensorEvaluationContext, parts: SubnetSteps) -> str:
    """Keep the poller thread going; return what it did since the last tick, or why it does nothing."""
    starter = run_starter(context, parts, mine_task_job.name)
    if parts.settings.mining.harvest:
        report, problem = poller_of(parts, starter).tick()
        told = describe_polls(report)
    else:
        report, problem = PollReport(), why_closed(parts, starter)
        made = [] if problem else parts.create_prompt_tasks_step().run()
        start_runs(parts, starter)
        told = f"{len(made)} tasks made from prompts."
    runs = starter.take_started()
    record_runs(context, runs)
    log_tick(context, report, runs)
    return problem or f"{describe_runs(runs)} {told}"


def _poll_once(parts: SubnetSteps) -> str:
    """Pull tasks, or make them from prompts, into the store; return what was found."""
    if (problem := why_not_polling(parts)) is not None:
        return problem
    if not parts.settings.mining.harvest:
        return f"{len(parts.create_prompt_tasks_step().run())} tasks made from prompts"
    try:
        report = asyncio.run(parts.poll_validators_step(TICK).run())
    except MetagraphError as error:
        return str(error)
    return describe_polls(report)
