"""Partitions of the assets: hours and days, in UTC."""

from datetime import UTC, datetime

import dagster as dg

from trellis_assets.orchestration.first_day import first_day
from trellis_assets.settings import Settings

_FIRST_DAY = first_day(Settings.load()).isoformat()
# With the current hour and day, whose models are validated and reported as they come.
hours = dg.HourlyPartitionsDefinition(start_date=f"{_FIRST_DAY}-00:00", end_offset=1)
hours_of_generation = hours
days = dg.DailyPartitionsDefinition(start_date=_FIRST_DAY, end_offset=1)


def span_of(context: dg.AssetExecutionContext) -> tuple[datetime, datetime]:
    """Return start and end (excluded) of the run's partitions, which follow one another."""
    window = context.partition_time_window
    return window.start.astimezone(UTC), window.end.astimezone(UTC)
