"""Work by the hour that a schedule does in part and a person asks for as a whole."""

from collections.abc import Sequence

import dagster as dg

# Dagster's tags of runs that a schedule or a sensor requested; a backfill or a click in the UI has none.
_AUTOMATIC = {"dagster/schedule_name", "dagster/sensor_name"}


def is_automatic(context: dg.AssetExecutionContext) -> bool:
    """Return whether a schedule or a sensor requested the run."""
    return not _AUTOMATIC.isdisjoint(context.run.tags)


def fail_for_undone_hours(context: dg.AssetExecutionContext, undone: Sequence[str]) -> None:
    """Fail a run that a person asked for, where hours are not done; what a schedule leaves comes later.

    Args:
        context: of the run.
        undone: partition keys of the hours.

    Raises:
        dagster.Failure: with the number of hours, the first of them, and what to do.
    """
    if undone and not is_automatic(context):
        raise dg.Failure(
            f"{len(undone)} of {len(context.partition_keys)} hours are not done, the first is {undone[0]}: "
            "see the log for the reasons, and run the failed and missing hours again"
        )
