"""The rule of `domain.clocks` as a condition on a column."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

from trellis_assets.domain.clocks import CLOCK_SLACK


def is_not_ahead(
    column: InstrumentedAttribute[datetime | None], now: datetime, longest: timedelta
) -> ColumnElement[bool]:
    """Rows of which `clocks.is_ahead` says no."""
    return or_(column.is_(None), column <= now, column > now + longest + CLOCK_SLACK)
