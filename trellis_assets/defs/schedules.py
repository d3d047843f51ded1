"""Schedules of the seed: statistics every 10 minutes, clean-up every hour."""

import dagster as dg

from trellis_assets.defs.jobs import export_statistics_job, maintain_store_job

export_statistics_job_ten_minutely_schedule = dg.ScheduleDefinition(
    name="export_statistics_job_ten_minutely_schedule",
    job=export_statistics_job,
    cron_schedule="*/10 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Exports statistics every 10 minutes.",
)

maintain_store_job_hourly_schedule = dg.ScheduleDefinition(
    name="maintain_store_job_hourly_schedule",
    job=maintain_store_job,
    cron_schedule="7 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Cleans the store every hour.",
)
