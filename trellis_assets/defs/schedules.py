"""Schedules: statistics, validators, reports, maintenance by the clock; the rest when idle."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from trellis_assets.defs.jobs import (
    explore_recipes_job,
    export_statistics_job,
    maintain_store_job,
    publish_reports_job,
    record_earnings_job,
    refresh_validators_job,
    validate_idle_job,
)
from trellis_assets.defs.partitions import days, hours_of_generation
from trellis_assets.defs.resources import MinerResource

RUNNING = dg.DefaultScheduleStatus.RUNNING
IDLE_HOURS, EXPLORED_HOURS = 2, 24
_RANGE_START, _RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

export_statistics_job_ten_minutely_schedule = dg.ScheduleDefinition(
    name="export_statistics_job_ten_minutely_schedule",
    job=export_statistics_job,
    cron_schedule="*/10 * * * *",
    default_status=RUNNING,
    description="Exports statistics every 10 minutes.",
)

maintain_store_job_hourly_schedule = dg.ScheduleDefinition(
    name="maintain_store_job_hourly_schedule",
    job=maintain_store_job,
    cron_schedule="7 * * * *",
    default_status=RUNNING,
    description="Deletes what is expired every hour.",
)

refresh_validators_job_hourly_schedule = dg.ScheduleDefinition(
    name="refresh_validators_job_hourly_schedule",
    job=refresh_validators_job,
    cron_schedule="23 * * * *",
    default_status=RUNNING,
    description="Stores the metagraph every hour.",
)


@dg.schedule(
    job=publish_reports_job,
    cron_schedule="41 * * * *",
    default_status=RUNNING,
    description="Publishes the reports of today every hour, and those of yesterday once more.",
)
def publish_reports_job_hourly_schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """Request today's reports; until 02:00 also yesterday's, whose last tasks have ended by then."""
    now = context.scheduled_execution_time.astimezone(UTC)
    wanted = {now - timedelta(hours=2), now}
    keys = {days.get_partition_key_for_timestamp(moment.timestamp()) for moment in wanted}
    return [dg.RunRequest(run_key=f"{key} {now:%Y-%m-%dT%H}", partition_key=key) for key in sorted(keys)]


@dg.schedule(
    job=record_earnings_job,
    cron_schedule="3 * * * *",
    default_status=RUNNING,
    description="Shows every hour what the last one earned and cost.",
)
def record_earnings_job_hourly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Request the hour that has just ended."""
    ended = _hour_of(context.scheduled_execution_time.astimezone(UTC) - timedelta(hours=1))
    return dg.RunRequest(run_key=ended, partition_key=ended)


@dg.schedule(
    job=validate_idle_job,
    cron_schedule="*/5 * * * *",
    default_status=RUNNING,
    description="Validates models of the last two hours that have no score, while no task is active.",
)
def validate_idle_job_five_minutely_schedule(
    context: dg.ScheduleEvaluationContext, miner: MinerResource
) -> dg.RunRequest | dg.SkipReason:
    """Request one run for all hours with models to validate, or skip with the reason."""
    step = miner.get().validate_idle_step()
    if (work := step.busy_with()) is not None:
        return dg.SkipReason(f"not idle: {work}")
    now = context.scheduled_execution_time.astimezone(UTC)
    made = step.candidates(now - timedelta(hours=IDLE_HOURS), now).values()
    if not made:
        return dg.SkipReason(f"every model of the last {IDLE_HOURS} hours has a score")
    return dg.RunRequest(tags={_RANGE_START: _hour_of(min(made)), _RANGE_END: _hour_of(max(made))})


@dg.schedule(
    job=explore_recipes_job,
    cron_schedule="3-59/10 * * * *",
    default_status=RUNNING,
    description="Tries recipes on prompts of the last day, while no task is active and its budget lasts.",
)
def explore_recipes_job_ten_minutely_schedule(
    context: dg.ScheduleEvaluationContext, miner: MinerResource
) -> dg.RunRequest | dg.SkipReason:
    """Request one run for all hours with something to try, or skip with the reason."""
    step = miner.get().explore_recipes_step()
    if (reason := step.why_not()) is not None:
        return dg.SkipReason(f"nothing is explored: {reason}")
    if (work := step.busy_with()) is not None:
        return dg.SkipReason(f"not idle: {work}")
    if step.budget_s() <= 0:
        return dg.SkipReason("the budget of this hour is spent (TRELLIS_EXPLORE_SHARE)")
    now = context.scheduled_execution_time.astimezone(UTC)
    start = now - timedelta(hours=EXPLORED_HOURS)
    if not step.left(start, now):
        return dg.SkipReason(f"every recipe was tried on the prompts of the last {EXPLORED_HOURS} hours")
    return dg.RunRequest(tags={_RANGE_START: _hour_of(start), _RANGE_END: _hour_of(now)})


def _hour_of(moment: datetime) -> str:
    return hours_of_generation.get_partition_key_for_timestamp(moment.timestamp())
