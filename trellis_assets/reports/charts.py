"""Charts as values: names, kinds and numbers, before anything draws them.

The start page, reports and Dagster's asset pages draw the same value in the same style, so that they cannot
differ; `as_rows` has its numbers as a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ChartKind(StrEnum):
    """How the series of a chart are drawn."""

    STACKED_HOURS = "bars over hours, one series on top of the other"
    LINES = "a level for each series over time, which holds until its next value"
    BOXES = "quartiles and range of each series"
    POINTS = "points of x and y, with the diagonal"
    BARS = "horizontal bars of the first series by category, and marks of the others"
    RANKING = "horizontal bars by category, the longest on top"


@dataclass(frozen=True, slots=True)
class Series:
    """Named values.

    Attributes:
        name: in the legend; beside a line or a box.
        x: where each value is drawn: the start of an hour (UTC), a category or a number; empty for boxes.
        y: the values, in the chart's unit.
    """

    name: str
    x: tuple[datetime | str | float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows.

    Attributes:
        key: its name in Dagster's metadata, such as `outcomes_by_hour`.
        unit: of the values y.
        x_unit: of x where that is a number.
        y_range: lowest and highest value drawn; None fits the values.
        x_range: first and last moment of a time axis; None fits the values.
        empty: what is said where there is nothing to draw.
        numbers: single figures that Dagster plots over partitions, from the same table as the series.
    """

    key: str
    title: str
    kind: ChartKind
    unit: str
    series: tuple[Series, ...]
    x_unit: str = ""
    y_range: tuple[float, float | None] | None = None
    x_range: tuple[datetime, datetime] | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    empty: str = "nothing yet"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(series.y for series in self.series)
