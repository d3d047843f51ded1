"""Idle validation: models without a local score get one, by the hour they were generated in."""

import dagster as dg

from trellis_assets.defs.assets.tasks import task_table
from trellis_assets.defs.metadata import OWNERS, Materialized, Metadata
from trellis_assets.defs.partitions import hours_of_generation, span_of
from trellis_assets.defs.resources import PipelineResource
from trellis_assets.domain.idle_validation import IdleReport


@dg.asset(
    deps=[task_table],
    partitions_def=hours_of_generation,
    # Hours with nothing to do cost nothing, a process for each of them does.
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="validation",
    kinds={"sql"},
    owners=OWNERS,
    description="Local scores of models that were submitted without one, by the hour of generation. It stops "
    "as soon as a task comes in; running it again scores only what is still without. Every verdict is kept.",
)
def idle_validation(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> Materialized:
    """The hours' models have scores, but for those that the metadata names."""
    start, end = span_of(context)
    report = pipeline.get().validate_idle_step().run(start, end)
    if report.interrupted_by:
        context.log.warning("%s models are left: %s", len(report.left), report.interrupted_by)
    return dg.MaterializeResult(metadata=_shown(report))


def _shown(report: IdleReport) -> Metadata:
    metadata: Metadata = {"scored": len(report.scored), "left_out": report.left_out}
    if report.scored:
        metadata["mean_score"] = round(sum(report.scored.values()) / len(report.scored), 4)
        metadata["scores"] = dg.MetadataValue.json({str(k): round(v, 4) for k, v in report.scored.items()})
    for name in ("missing", "changed", "unavailable", "left"):
        if keys := getattr(report, name):
            metadata[f"tasks_{name}"] = dg.MetadataValue.json(keys)
    if report.interrupted_by:
        metadata["interrupted_by"] = report.interrupted_by
    return metadata
