"""The sensor that materialises every asset once, half a minute after a session starts."""

from datetime import UTC

import dagster as dg

from trellis_assets.defs.jobs import (
    export_statistics_job,
    publish_reports_job,
    record_earnings_job,
    refresh_validators_job,
    validate_idle_job,
)
from trellis_assets.defs.partitions import days, hours_of_generation
from trellis_assets.defs.resources import SubnetResource

_JOBS = (
    refresh_validators_job,
    export_statistics_job,
    record_earnings_job,
    publish_reports_job,
    validate_idle_job,
)


@dg.sensor(
    jobs=list(_JOBS),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Materialises every asset once in each session, half a minute after its start: the schedules "
    "come later, up to an hour.",
)
def first_look_sensor(
    context: dg.SensorEvaluationContext, subnet: SubnetResource
) -> dg.SensorResult | dg.SkipReason:
    """Request one run of each asset job; the run keys let each run once in a session."""
    parts = subnet.get()
    session, now = parts.settings.mining.session_id, parts.clock.now()
    if session is None:
        return dg.SkipReason("no session of `trellis-assets mine` is running")
    if context.cursor == str(session):
        return dg.SkipReason(f"every asset was materialised at the start of session {session}")
    if context.cursor != f"seen {session}":
        # Wait for the next tick, which comes after `minimum_interval_seconds`: the first tasks go first.
        return dg.SensorResult(
            skip_reason=f"session {session} has just begun: its assets are materialised with the next tick",
            cursor=f"seen {session}",
        )
    day = days.get_partition_key_for_timestamp(now.timestamp())
    hour = hours_of_generation.get_partition_key_for_timestamp(now.astimezone(UTC).timestamp())
    hourly = {validate_idle_job.name: hour, record_earnings_job.name: hour}
    partitions = {publish_reports_job.name: day} | hourly
    requests = [
        dg.RunRequest(
            run_key=f"{job.name} of session {session}",
            job_name=job.name,
            partition_key=partitions.get(job.name),
        )
        for job in _JOBS
    ]
    return dg.SensorResult(run_requests=requests, cursor=str(session))
