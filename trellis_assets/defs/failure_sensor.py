"""The sensor that tells a person of failed runs."""

import time

import dagster as dg
from dagster._core.definitions.run_status_sensor_definition import RunStatusSensorCursor
from dagster._core.definitions.sensor_definition import SensorExecutionData

from trellis_assets.defs.resources import PipelineResource
from trellis_assets.domain.tasks import printable

# What failed so long before the first tick is still told: the first tasks run before it.
FIRST_LOOK_BACK_S = 600.0


class FailureSensor(dg.RunStatusSensorDefinition):
    """Dagster's own, whose first tick would pass over every run that failed before it."""

    def evaluate_tick(self, context: dg.SensorEvaluationContext) -> SensorExecutionData:
        """By Dagster."""
        if context.cursor is None:
            recent = dg.RunStatusChangeRecordsFilter(
                event_type=dg.DagsterEventType.RUN_FAILURE, after_timestamp=time.time() - FIRST_LOOK_BACK_S
            )
            found = context.instance.fetch_run_status_changes(recent, limit=1, ascending=True).records
            if found:
                before = RunStatusSensorCursor(record_id=found[0].storage_id - 1)  # type: ignore[no-untyped-call]
                context.update_cursor(before.to_json())
        return super().evaluate_tick(context)


def _tell(context: dg.RunStatusSensorContext, pipeline: PipelineResource) -> dg.SkipReason | None:
    """What a person must see reaches them."""
    parts = pipeline.get()
    notify = parts.notify_step
    if notify is None:
        return dg.SkipReason("TRELLIS_WEBHOOK_URL is not set: nobody is told")
    run = context.dagster_run
    link = f"http://127.0.0.1:{parts.settings.servers.webserver_port}/runs/{run.run_id}"
    notify.run(f"{run.job_name} failed", printable(_cause(context.for_run_failure()), 500), link)
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


failure_sensor = FailureSensor(
    name="failure_sensor",
    run_status=dg.DagsterRunStatus.FAILURE,
    run_status_sensor_fn=_tell,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Tells failed runs to TRELLIS_WEBHOOK_URL, one message per job in ten minutes.",
)
