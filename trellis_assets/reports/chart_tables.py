"""The numbers of a chart as a table, for who cannot see it or wants them exactly."""

from dataclasses import dataclass
from datetime import datetime

from trellis_assets.domain.tasks import printable
from trellis_assets.reports.charts import Chart, ChartKind
from trellis_assets.reports.row_charts import five_numbers
from trellis_assets.reports.scales import written

# A cloud of thousands of points is no table: the report's files have them.
MAX_ROWS = 400
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class ChartTable:
    """A chart's numbers as texts.

    Attributes:
        header: names of the columns.
        rows: cells in the columns' order; empty where a series has no value.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table_of(chart: Chart) -> ChartTable:
    """Return the numbers that the chart draws, at most 400 rows of them."""
    if chart.kind is ChartKind.BOXES:
        header = ("", "count", "least", "lower quartile", "median", "upper quartile", "greatest")
        boxes = ((s.name, len(s.y), *five_numbers(s.y)) for s in chart.series if s.y)
        return ChartTable(
            header, tuple((name, f"{n:,}", *map(written, five)) for name, n, *five in boxes)[:MAX_ROWS]
        )
    if chart.kind is ChartKind.POINTS:
        pairs = [(x, y) for series in chart.series for x, y in zip(series.x, series.y, strict=True)]
        return ChartTable(
            (chart.x_unit, chart.unit), tuple((_text(x), written(y)) for x, y in pairs[:MAX_ROWS])
        )
    if len(chart.series) == 1 and chart.kind is ChartKind.RANKING:
        (only,) = chart.series
        ranks = tuple((_text(x), written(y)) for x, y in zip(only.x, only.y, strict=True))
        return ChartTable(("", only.name), ranks[:MAX_ROWS])
    values = [dict(zip(series.x, series.y, strict=True)) for series in chart.series]
    places = list(dict.fromkeys(x for series in chart.series for x in series.x))
    if chart.kind in {ChartKind.STACKED_HOURS, ChartKind.LINES}:
        places.sort(key=str)
    rows = tuple(
        (_text(place), *(written(of[place]) if place in of else "" for of in values)) for place in places
    )
    first = "hour (UTC)" if chart.kind in {ChartKind.STACKED_HOURS, ChartKind.LINES} else ""
    names = (printable(series.name.replace("_", " "), _LONGEST) for series in chart.series)
    # The newest rows, where there are too many.
    return ChartTable((first, *names), rows[-MAX_ROWS:])


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return written(value) if isinstance(value, int | float) else printable(str(value), _LONGEST)
