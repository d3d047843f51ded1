"""Idle validation: score models that have no local score, by the hour of their generation."""

from collections.abc import Iterator
from datetime import UTC

import dagster as dg

from trellis_assets.defs.assets.tasks import task_table
from trellis_assets.defs.hourly_work import fail_for_undone_hours, is_automatic
from trellis_assets.defs.metadata import OWNERS, Metadata
from trellis_assets.defs.partitions import hours_of_generation
from trellis_assets.defs.resources import MinerResource
from trellis_assets.domain.idle_validation import IdleReport, JudgedCounts

ASSET = "idle_validation"


@dg.asset(
    name=ASSET,
    deps=[task_table],
    partitions_def=hours_of_generation,
    # An hour without work costs nothing, but a process for it would.
    backfill_policy=dg.BackfillPolicy.single_run(),
    # An hour that is not done is not materialised.
    output_required=False,
    group_name="validation",
    kinds={"sql"},
    owners=OWNERS,
    description="Local scores of models that were submitted without one, by the hour of generation. What the "
    "schedule starts stops as soon as a task comes in; what a person starts goes on beside mining until its "
    "hours are done. An hour is materialised once all its models have a score, but for files that are gone. "
    "Running it again scores only what is still without. Every verdict is kept.",
)
def idle_validation(
    context: dg.AssetExecutionContext, miner: MinerResource
) -> Iterator[dg.AssetMaterialization]:
    """Score each hour's models; materialise the hours that are done, fail if some are not.

    Raises:
        dagster.Failure: a person asked for hours in which models are left without a score.
    """
    step = miner.get().validate_idle_step()
    is_scheduled = is_automatic(context)
    undone: list[str] = []
    for key in context.partition_keys:
        window = hours_of_generation.time_window_for_partition_key(key)
        start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
        report = step.run(start, end, beside_mining=not is_scheduled)
        if report.is_done:
            shown = _metadata_of(report, step.counts(start, end))
            yield dg.AssetMaterialization(ASSET, partition=key, metadata=shown)
            continue
        undone.append(key)
        context.log.warning("hour %s is not done: %s", key, _why_not_done(report))
        if report.interrupted_by:
            break
    fail_for_undone_hours(context, undone)


def _why_not_done(report: IdleReport) -> str:
    if report.interrupted_by:
        return f"{len(report.left)} models are left, since {report.interrupted_by}"
    return f"the validator could not judge {len(report.unavailable)} models"


def _metadata_of(report: IdleReport, counts: JudgedCounts) -> Metadata:
    """Return the counts of the hour, and what this run did."""
    metadata: Metadata = {
        "models": counts.models,
        "with_score": counts.scored,
        "scored_when_idle": counts.scored_when_idle,
        "without_score": counts.unscored,
        "scored_by_this_run": len(report.scored),
    }
    if report.scored:
        metadata["mean_score"] = round(sum(report.scored.values()) / len(report.scored), 4)
        metadata["scores"] = dg.MetadataValue.json({str(k): round(v, 4) for k, v in report.scored.items()})
    for name in ("missing", "changed"):
        if keys := getattr(report, name):
            metadata[f"tasks_{name}"] = dg.MetadataValue.json(keys)
    return metadata
