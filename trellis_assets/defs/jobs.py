"""Jobs: the mining run, and the upkeep around it. All run in the process of their run worker."""

import dagster as dg

from trellis_assets.defs.ops import generate, submit, validate
from trellis_assets.defs.resources import PipelineResource


@dg.job(
    executor_def=dg.in_process_executor,
    description="One task from its validator's request to its feedback: generate, validate, submit.",
)
def mine_task_job() -> None:
    """The main job; `task_sensor` requests one run per task."""
    submit(validate(generate()))


@dg.op(description="Prompts that left the duplicate window are forgotten.")
def maintain_store(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """The seed's hourly clean-up."""
    forgotten = pipeline.get().maintain_step().run()
    context.log.info("%s prompts forgotten", forgotten)


@dg.op(description="A statistics snapshot is in the store and in the reports folder as JSON.")
def export_statistics(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """The seed's export every ten minutes."""
    snapshot, path = pipeline.get().export_step().run()
    context.add_output_metadata(
        {
            "file": dg.MetadataValue.path(str(path)),
            "tasks_processed": snapshot.totals.tasks_processed,
            "total_rewards": snapshot.totals.total_rewards,
        }
    )


@dg.job(executor_def=dg.in_process_executor, description="Hourly clean-up of the store.")
def maintain_store_job() -> None:
    """See `maintain_store`."""
    maintain_store()


@dg.job(executor_def=dg.in_process_executor, description="Statistics to the store and to JSON.")
def export_statistics_job() -> None:
    """See `export_statistics`."""
    export_statistics()
