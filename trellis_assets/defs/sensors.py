"""The sensor that asks the validators and requests one run per task."""

import asyncio

import dagster as dg

from trellis_assets.composition import Pipeline
from trellis_assets.defs.jobs import mine_task_job
from trellis_assets.defs.resources import PipelineResource
from trellis_assets.domain.dispatch import RunStatus
from trellis_assets.domain.tasks import Task, printable
from trellis_assets.ports import MetagraphError

RUN_KEY_TAG = "dagster/run_key"
_QUEUED = {dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED}
_RUNNING = {dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING}


@dg.sensor(
    job=mine_task_job,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Polls every validator that is due, all at once, and requests one run per task.",
)
def task_sensor(
    context: dg.SensorEvaluationContext, pipeline: PipelineResource
) -> dg.SensorResult | dg.SkipReason:
    """What a validator gave is in the store before anything else happens.

    Each tick requests a run for every unfinished task without one, so that a tick that dies
    between the two loses nothing; the run key makes asking again harmless.
    """
    parts = pipeline.get()
    found = _find_work(parts)
    tasks = parts.dispatch_step(lambda key: run_status(context.instance, key)).run()
    if tasks:
        return dg.SensorResult(run_requests=[run_request(task) for task in tasks])
    return dg.SkipReason(found)


def _find_work(parts: Pipeline) -> str:
    """New tasks are in the store; the text says what was found."""
    settings = parts.settings
    if settings.session_id is not None and parts.store.is_draining(settings.session_id):
        return "stopping: no new tasks are taken, the work in hand is finished"
    if (problem := parts.generator.problem()) is not None:
        return f"nothing is pulled that could not be generated: {problem}"
    if not settings.harvest:
        made = parts.prompt_step().run()
        return f"{len(made)} tasks made from prompts"
    try:
        report = asyncio.run(parts.pull_step().run())
    except MetagraphError as error:
        return str(error)
    if report.asked:
        answers = ", ".join(f"{count} {name}" for name, count in sorted(report.answers.items()))
        return f"asked {report.asked} validators: {answers}"
    if report.next_due_in_s is None:
        return "no validator may be asked: all hold a task of ours, or none passes stake and permit"
    return f"no validator is due; the next one in {max(0.0, report.next_due_in_s):.0f} s"


def run_status(instance: dg.DagsterInstance, run_key: str) -> RunStatus:
    """What became of the run that was requested under the key."""
    runs = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: run_key}), limit=1)
    if not runs:
        return RunStatus.NONE
    if runs[0].status in _QUEUED:
        return RunStatus.QUEUED
    return RunStatus.RUNNING if runs[0].status in _RUNNING else RunStatus.ENDED


def run_request(task: Task) -> dg.RunRequest:
    """The run for a task; its key is validator and task id, and the attempt where it is not the first."""
    return dg.RunRequest(
        run_key=task.run_key,
        run_config={"ops": {"generate": {"config": {"task_key": task.key}}}},
        tags={
            "trellis/task_key": str(task.key),
            "trellis/validator_uid": str(task.validator_uid),
            "trellis/prompt": task.label,
        },
    )


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Tells failed runs to TRELLIS_WEBHOOK_URL, one message per job in ten minutes.",
)
def failure_sensor(context: dg.RunFailureSensorContext, pipeline: PipelineResource) -> dg.SkipReason | None:
    """What a person must see reaches them."""
    parts = pipeline.get()
    alert = parts.alert_step
    if alert is None:
        return dg.SkipReason("TRELLIS_WEBHOOK_URL is not set: nobody is told")
    run = context.dagster_run
    link = f"http://127.0.0.1:{parts.settings.webserver_port}/runs/{run.run_id}"
    alert.run(f"{run.job_name} failed", printable(_cause(context), 500), link)
    return None


def _cause(context: dg.RunFailureSensorContext) -> str:
    """The innermost words: Dagster's own around them say only that a step failed."""
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        user = event.step_failure_data.user_failure_data
        if user is not None and user.description:
            return user.description
        if error is not None:
            return error.message.strip()
    return context.failure_event.message or "no reason given"
