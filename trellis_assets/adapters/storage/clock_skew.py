"""The rule of `domain.clocks` as a condition on a column."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

from trellis_assets.domain.clock_skew import CLOCK_SLACK


def is_not_ahead(
    column: InstrumentedAttribute[datetime | None], now: datetime, longest: timedelta
) -> ColumnElement[bool]:
    """Rows of which `clocks.is_ahead` says no."""
    return is_outside(column, now, furthest(now, longest))


def furthest(now: datetime, longest: timedelta) -> datetime:
    """Moments beyond it come of a clock that was set back."""
    return now + longest + CLOCK_SLACK


def is_outside(column: Any, now: Any, last: Any) -> ColumnElement[bool]:
    """Rows whose moment is none, past, or beyond the last one; moments or parameters that stand for them."""
    return or_(column.is_(None), column <= now, column > last)
