"""The code location: every definition of the pipeline by name."""

import dagster as dg

from trellis_assets.defs.jobs import export_statistics_job, maintain_store_job, mine_task_job
from trellis_assets.defs.resources import PipelineResource
from trellis_assets.defs.schedules import (
    export_statistics_job_ten_minutely_schedule,
    maintain_store_job_hourly_schedule,
)
from trellis_assets.defs.sensors import task_sensor

defs = dg.Definitions(
    jobs=[mine_task_job, maintain_store_job, export_statistics_job],
    sensors=[task_sensor],
    schedules=[export_statistics_job_ten_minutely_schedule, maintain_store_job_hourly_schedule],
    resources={"pipeline": PipelineResource()},
)
