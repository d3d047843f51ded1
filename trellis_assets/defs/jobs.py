"""Jobs: the mining run, maintenance, and one job per asset group. Each runs in its run worker's process."""

from dataclasses import asdict

import dagster as dg

from trellis_assets.defs.ops import generate, submit, validate
from trellis_assets.defs.resources import StoreResource
from trellis_assets.observability.log_rotation import rotate_logs
from trellis_assets.orchestration.run_retention import prune_runs, sweep_leftovers


@dg.job(
    executor_def=dg.in_process_executor,
    description="One task from its validator's request to its feedback: generate, validate, submit.",
)
def mine_task_job() -> None:
    """Generate, validate, submit one task; `task_sensor` starts one run per task."""
    submit(validate(generate()))


@dg.op(description="Deletes expired prompts, files, statistics, rows, Dagster runs and logs.")
def maintain_store(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Delete what is expired, of everything that grows; report the counts as metadata."""
    parts = store.get()
    gone = asdict(parts.maintain_step().run())
    folder = parts.settings.storage.folder
    gone["dagster_runs"] = prune_runs(
        context.instance, folder / "dagster", parts.settings.retention.keep_runs
    )
    gone["leftovers_of_runs"] = sweep_leftovers(context.instance, folder / "dagster")
    gone["logs_cut"] = rotate_logs(folder / "logs")
    context.log.info(", ".join(f"{count} {name}" for name, count in gone.items()))
    context.add_output_metadata(gone)


@dg.job(executor_def=dg.in_process_executor, description="Deletes what is expired, every hour.")
def maintain_store_job() -> None:
    """Run `maintain_store`."""
    maintain_store()


export_statistics_job = dg.define_asset_job(
    "export_statistics_job",
    selection=dg.AssetSelection.groups("mining"),
    executor_def=dg.in_process_executor,
    description="Writes statistics to the store and to files, and checks the task table.",
)

refresh_validators_job = dg.define_asset_job(
    "refresh_validators_job",
    selection=dg.AssetSelection.groups("subnet"),
    executor_def=dg.in_process_executor,
    description="Reads the metagraph into the store.",
)

publish_reports_job = dg.define_asset_job(
    "publish_reports_job",
    selection=dg.AssetSelection.groups("reports", "learning"),
    executor_def=dg.in_process_executor,
    description="Writes a day's reports, and what is learnt, to the reports folder.",
)

record_earnings_job = dg.define_asset_job(
    "record_earnings_job",
    selection=dg.AssetSelection.groups("earnings"),
    executor_def=dg.in_process_executor,
    description="Shows what an hour earned and cost.",
)

validate_idle_job = dg.define_asset_job(
    "validate_idle_job",
    selection=dg.AssetSelection.groups("validation"),
    executor_def=dg.in_process_executor,
    description="Scores models of some hours that have no local score.",
)

explore_recipes_job = dg.define_asset_job(
    "explore_recipes_job",
    selection=dg.AssetSelection.groups("exploration"),
    executor_def=dg.in_process_executor,
    description="Tries recipes on past prompts of some hours, with local scores only.",
)
