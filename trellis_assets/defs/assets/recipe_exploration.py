"""Exploration: recipes tried on past prompts, by the hour in which these were generated."""

from collections.abc import Iterator
from datetime import UTC
from statistics import fmean

import dagster as dg

from trellis_assets.defs.assets.tasks import task_table
from trellis_assets.defs.hourly_work import fail_for_undone_hours, is_automatic
from trellis_assets.defs.metadata import OWNERS, Metadata
from trellis_assets.defs.partitions import hours_of_generation
from trellis_assets.defs.resources import MinerResource
from trellis_assets.domain.learning.exploration import ExplorationReport

ASSET = "recipe_exploration"


@dg.asset(
    name=ASSET,
    deps=[task_table],
    partitions_def=hours_of_generation,
    # An hour without work costs nothing, but a process for it would.
    backfill_policy=dg.BackfillPolicy.single_run(),
    # An hour that is not done is not materialised.
    output_required=False,
    group_name="exploration",
    kinds={"sql"},
    owners=OWNERS,
    description="Candidates made of past prompts by recipes that were not tried on them, with local scores "
    "only: nothing is submitted. What the schedule starts ends as soon as a task is active or its budget is "
    "spent; what a person starts waits for tasks and goes on until its hours are done. An hour is "
    "materialised once every recipe was tried on each of its prompts.",
)
def recipe_exploration(
    context: dg.AssetExecutionContext, miner: MinerResource
) -> Iterator[dg.AssetMaterialization]:
    """Try recipes on each hour's prompts, the newest hour first; materialise the hours that are done.

    Raises:
        dagster.Failure: a person asked for hours in which something is left to try.
    """
    step = miner.get().explore_recipes_step()
    is_scheduled = is_automatic(context)
    undone: list[str] = []
    if (reason := step.why_not()) is not None:
        if is_scheduled:
            context.log.warning("nothing is explored: %s", reason)
            return
        raise dg.Failure(f"nothing can be explored: {reason}")
    for key in reversed(context.partition_keys):
        window = hours_of_generation.time_window_for_partition_key(key)
        start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
        report = step.run(step.left(start, end), is_bounded=is_scheduled)
        if not (left := step.left(start, end)):
            yield dg.AssetMaterialization(ASSET, partition=key, metadata=_metadata_of(report))
            continue
        undone.append(key)
        context.log.warning(
            "hour %s is not done: %d trials are left, %s failed; %s",
            key,
            len(left),
            report.failed.total(),
            report.stopped_by or "; ".join(report.failed),
        )
        if report.stopped_by is not None:
            break
    fail_for_undone_hours(context, undone)


def _metadata_of(report: ExplorationReport) -> Metadata:
    """Return what this run made, by recipe."""
    means = {recipe: round(fmean(scores), 4) for recipe, scores in report.scored.items()}
    return {
        "candidates": report.made,
        "failed": report.failed.total(),
        "mean_scores": dg.MetadataValue.json(means),
    }
