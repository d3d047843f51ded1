"""The rule of `domain.clock_skew` as a condition on a column."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

from trellis_assets.domain.clock_skew import CLOCK_SLACK


def is_not_ahead(
    column: InstrumentedAttribute[datetime | None], now: datetime, longest: timedelta
) -> ColumnElement[bool]:
    """Return a condition on rows of which `clock_skew.is_ahead` is False."""
    return is_outside(column, now, furthest(now, longest))


def furthest(now: datetime, longest: timedelta) -> datetime:
    """Return the last plausible time: later ones come from a clock that was set back."""
    return now + longest + CLOCK_SLACK


def is_outside(column: Any, now: Any, last: Any) -> ColumnElement[bool]:
    """Return a condition on rows whose time is NULL, past, or later than the last plausible one."""
    return or_(column.is_(None), column <= now, column > last)
