"""The code location: every definition of the pipeline by name."""

import dagster as dg

from trellis_assets.defs import asset_checks
from trellis_assets.defs.assets.idle_validation import idle_validation
from trellis_assets.defs.assets.reports import reward_report, task_report
from trellis_assets.defs.assets.statistics import mining_statistics, validator_stats
from trellis_assets.defs.assets.subnet import validators
from trellis_assets.defs.assets.tasks import submissions, task_table
from trellis_assets.defs.failure_sensor import failure_sensor
from trellis_assets.defs.first_look_sensor import first_look_sensor
from trellis_assets.defs.jobs import (
    export_statistics_job,
    maintain_store_job,
    mine_task_job,
    publish_reports_job,
    refresh_validators_job,
    validate_idle_job,
)
from trellis_assets.defs.resources import PipelineResource
from trellis_assets.defs.schedules import (
    export_statistics_job_ten_minutely_schedule,
    maintain_store_job_hourly_schedule,
    publish_reports_job_hourly_schedule,
    refresh_validators_job_hourly_schedule,
    validate_idle_job_five_minutely_schedule,
)
from trellis_assets.defs.task_sensor import task_sensor

defs = dg.Definitions(
    assets=[
        validators,
        task_table,
        submissions,
        mining_statistics,
        validator_stats,
        reward_report,
        task_report,
        idle_validation,
    ],
    asset_checks=[
        asset_checks.no_task_is_stuck,
        asset_checks.model_files_match,
        asset_checks.no_duplicate_was_generated,
        asset_checks.submissions_have_feedback,
        asset_checks.scores_do_not_drift,
        asset_checks.models_have_verdicts,
        asset_checks.statistics_agree,
    ],
    jobs=[
        mine_task_job,
        maintain_store_job,
        export_statistics_job,
        refresh_validators_job,
        publish_reports_job,
        validate_idle_job,
    ],
    sensors=[task_sensor, failure_sensor, first_look_sensor],
    schedules=[
        export_statistics_job_ten_minutely_schedule,
        maintain_store_job_hourly_schedule,
        refresh_validators_job_hourly_schedule,
        publish_reports_job_hourly_schedule,
        validate_idle_job_five_minutely_schedule,
    ],
    resources={"pipeline": PipelineResource()},
)
