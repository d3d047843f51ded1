"""Spans of time that assets are cut into. All in UTC."""

from datetime import UTC, datetime

import dagster as dg

# Before this there was nothing to mine with.
FIRST_DAY = "2026-01-01"
# The hour and the day that are not over yet count too: their models are judged and reported as they come.
hours_of_generation = dg.HourlyPartitionsDefinition(start_date=f"{FIRST_DAY}-00:00", end_offset=1)
days = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)


def span_of(context: dg.AssetExecutionContext) -> tuple[datetime, datetime]:
    """Start and end (excluded) of the run's partitions, which follow one another."""
    window = context.partition_time_window
    return window.start.astimezone(UTC), window.end.astimezone(UTC)
