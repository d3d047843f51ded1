"""The sensor that notifies a person of failed runs."""

import dagster as dg

from trellis_assets.defs.resources import SubnetResource
from trellis_assets.domain.tasks import printable
from trellis_assets.orchestration.failure_ticks import LookbackFailureSensor


def _notify(context: dg.RunStatusSensorContext, subnet: SubnetResource) -> dg.SkipReason | None:
    """Send the job, the cause and a link to the run; skip where no notification is set up."""
    parts = subnet.get()
    notify = parts.notify_step
    if notify is None:
        return dg.SkipReason("nobody is notified: set TRELLIS_WEBHOOK_URL")
    run = context.dagster_run
    link = f"{parts.settings.servers.webserver_address}/runs/{run.run_id}"
    notify.run(f"{run.job_name} failed", printable(_cause(context.for_run_failure()), 500), link)
    return None


def _cause(context: dg.RunFailureSensorContext) -> str:
    """Return the innermost error's message: Dagster's own around it says only that a step failed."""
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


failure_sensor = LookbackFailureSensor(
    name="failure_sensor",
    run_status=dg.DagsterRunStatus.FAILURE,
    run_status_sensor_fn=_notify,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Notifies TRELLIS_WEBHOOK_URL of failed runs, one message per job in ten minutes.",
)
