"""Jobs: the mining run, and the upkeep around it. All run in the process of their run worker."""

from dataclasses import asdict

import dagster as dg

from trellis_assets.defs.assets.idle_validation import idle_validation
from trellis_assets.defs.assets.reports import reward_report, task_report
from trellis_assets.defs.assets.statistics import mining_statistics, validator_stats
from trellis_assets.defs.assets.subnet import validators
from trellis_assets.defs.assets.tasks import task_table
from trellis_assets.defs.ops import generate, submit, validate
from trellis_assets.defs.resources import PipelineResource
from trellis_assets.observability.log_rotation import rotate_logs
from trellis_assets.orchestration.run_retention import prune_runs, sweep_leftovers


@dg.job(
    executor_def=dg.in_process_executor,
    description="One task from its validator's request to its feedback: generate, validate, submit.",
)
def mine_task_job() -> None:
    """The main job; `task_sensor` requests one run per task."""
    submit(validate(generate()))


@dg.op(description="Prompts, files, statistics, rows, Dagster runs and logs past their time are gone.")
def maintain_store(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """The seed's hourly clean-up, of everything that grows."""
    parts = pipeline.get()
    gone = asdict(parts.maintain_step().run())
    folder = parts.settings.storage.folder
    gone["dagster_runs"] = prune_runs(
        context.instance, folder / "dagster", parts.settings.retention.keep_runs
    )
    gone["leftovers_of_runs"] = sweep_leftovers(context.instance, folder / "dagster")
    gone["logs_cut"] = rotate_logs(folder / "logs")
    context.log.info(", ".join(f"{count} {name}" for name, count in gone.items()))
    context.add_output_metadata(gone)


@dg.job(executor_def=dg.in_process_executor, description="Hourly clean-up of the store.")
def maintain_store_job() -> None:
    """See `maintain_store`."""
    maintain_store()


export_statistics_job = dg.define_asset_job(
    "export_statistics_job",
    selection=dg.AssetSelection.assets(task_table, mining_statistics, validator_stats),
    executor_def=dg.in_process_executor,
    description="Statistics to the store and to files, and the checks of the task table.",
)

refresh_validators_job = dg.define_asset_job(
    "refresh_validators_job",
    selection=dg.AssetSelection.assets(validators),
    executor_def=dg.in_process_executor,
    description="The metagraph to the store.",
)

publish_reports_job = dg.define_asset_job(
    "publish_reports_job",
    selection=dg.AssetSelection.assets(reward_report, task_report),
    executor_def=dg.in_process_executor,
    description="The reports of a day to the reports folder.",
)

validate_idle_job = dg.define_asset_job(
    "validate_idle_job",
    selection=dg.AssetSelection.assets(idle_validation),
    executor_def=dg.in_process_executor,
    description="Scores for models of some hours that have none.",
)
