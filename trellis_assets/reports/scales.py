"""Scales of charts: where a value lies on an axis, which ticks it has, and how values are written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
# Of a time axis, from one tick to the next, in hours.
_TIME_STEPS_H = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 2160)
_MAX_TICKS = 7
_MANY = 1000


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale from values to pixels.

    Attributes:
        low, high: values at the two ends; `high` is above `low`.
        start, end: pixels at those ends.

    Examples:
        >>> scale = Scale(0.0, 10.0, start=200.0, end=100.0)
        >>> scale.at(2.5), scale.ticks(2)
        (175.0, [0.0, 5.0, 10.0])
    """

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, about: int = 4) -> list[float]:
        """Return round values within the scale, about so many intervals of them."""
        step = round_step((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]


def round_step(raw: float) -> float:
    """Return the least of 1, 2, 5 times a power of ten that is not below `raw`.

    Examples:
        >>> [round_step(raw) for raw in (0.03, 1.1, 230.0)]
        [0.05, 2.0, 500.0]
    """
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    return round(step * power, 12)


def covering(values: Sequence[float], bounds: tuple[float, float | None] | None) -> tuple[float, float]:
    """Return the lowest and highest value of an axis that shows all values.

    Args:
        values: that are drawn, at least one.
        bounds: the axis as the chart wants it; an end that is None is fitted to the values.

    Examples:
        >>> covering([3.0, 41.0], (0.0, None))
        (0.0, 50.0)
    """
    low = min(0.0, *values) if bounds is None else min(bounds[0], *values)
    high = max(values)
    if bounds is not None and bounds[1] is not None:
        return low, max(bounds[1], high)
    if high <= low:
        return low, low + 1.0
    step = round_step((high - low) / 4)
    return low, round(math.ceil((high - low) / step - 1e-9) * step + low, 10)


def time_scale(first: datetime, last: datetime, start: float, end: float) -> Scale:
    """Return the scale of a time axis, in unix seconds, at least an hour long."""
    return Scale(first.timestamp(), max(last, first + HOUR).timestamp(), start, end)


def time_ticks(scale: Scale) -> list[tuple[float, str]]:
    """Return unix seconds and texts of a time axis' ticks; all UTC.

    A tick at midnight has the day, another one the hour.
    """
    hours = (scale.high - scale.low) / 3600
    step = next((step for step in _TIME_STEPS_H if hours / step <= _MAX_TICKS), _TIME_STEPS_H[-1])
    first = math.ceil(scale.low / (step * 3600)) * step * 3600
    ticks = []
    for seconds in range(first, math.floor(scale.high) + 1, step * 3600):
        moment = datetime.fromtimestamp(seconds, UTC)
        ticks.append((float(seconds), f"{moment:%H:%M}" if moment.hour else f"{moment.day} {moment:%b}"))
    return ticks


def written(value: float) -> str:
    """Return a value as people read it: three digits, thousands apart, no exponent.

    Examples:
        >>> [written(value) for value in (0.0, 0.12345, 3.0, 41.26, 7000.4)]
        ['0', '0.123', '3', '41.3', '7,000']
    """
    if abs(value) >= _MANY or value == int(value):
        return f"{value:,.0f}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(decimals, 6)}f}".rstrip("0").rstrip(".")
