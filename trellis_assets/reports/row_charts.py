"""Draw charts in rows: distributions, bars with marks, rankings. As high as they have rows."""

from collections.abc import Callable, Sequence
from statistics import quantiles

from trellis_assets.reports.charts import Chart, Series
from trellis_assets.reports.scales import Scale, covering, written
from trellis_assets.reports.svg import (
    FAINT,
    GRID,
    INK,
    SERIES,
    STATES,
    element,
    fitted,
    told,
    width_of,
    words,
)
from trellis_assets.reports.time_charts import WIDTH

_ROW, _BAR, _BOTTOM = 30, 14, 30
_NAME_WIDTH, _VALUE_WIDTH = 78, 150
_GAP = 8


def draw_boxes(chart: Chart, top: float) -> tuple[str, float]:
    """Return a row for each series: range, quartiles and median, which is written beside it."""
    shown = [series for series in chart.series if series.y]
    across = _scale([value for series in shown for value in series.y], chart, _VALUE_WIDTH)
    bottom = top + _ROW * len(shown)
    rows = []
    for number, series in enumerate(shown):
        low, lower, middle, upper, high = five_numbers(series.y)
        y = top + _ROW * number + _ROW / 2
        said = told(
            f"{series.name}: median {written(middle)}, half of them from {written(lower)} to "
            f"{written(upper)}, all from {written(low)} to {written(high)}, {len(series.y)} in all"
        )
        line = element("line", x1=across.at(low), x2=across.at(high), y1=y, y2=y, stroke=FAINT)
        left, right = across.at(lower), across.at(upper)
        box = element(
            "rect",
            x=left,
            y=y - _BAR / 2,
            width=max(1.0, right - left),
            height=_BAR,
            fill=SERIES[0],
            fill_opacity=0.35,
            stroke=SERIES[0],
        )
        at = across.at(middle)
        median = element("line", x1=at, x2=at, y1=y - 9, y2=y + 9, stroke=INK, stroke_width=2.5)
        rows.append(element("g", said + line + box + median, class_="mark"))
        rows.append(words(fitted(series.name, _NAME_WIDTH - _GAP), 0, y + 4))
        value = f"median {written(middle)} of {len(series.y):,}"
        rows.append(words(value, WIDTH - _VALUE_WIDTH + _GAP, y + 4))
    return _grid(across, top, bottom, chart.unit) + "".join(rows), bottom + _BOTTOM


def five_numbers(values: Sequence[float]) -> tuple[float, float, float, float, float]:
    """Return least value, quartiles and greatest value.

    Examples:
        >>> five_numbers([1.0, 2.0, 3.0, 4.0, 5.0])
        (1.0, 2.0, 3.0, 4.0, 5.0)
    """
    if len(values) == 1:
        return (values[0],) * 5
    lower, middle, upper = quantiles(values, n=4, method="inclusive")
    return min(values), lower, middle, upper, max(values)


def draw_bars(chart: Chart, top: float) -> tuple[str, float]:
    """Return a row for each category: a bar of the first series, marks of the others, all written."""
    first, *others = chart.series
    texts = [_written_values(chart.series, category) for category in first.x]
    right = _GAP + max(width_of(text) for text in texts)
    across = _scale([value for series in chart.series for value in series.y], chart, right)
    bottom = top + _ROW * len(first.x)
    rows = []
    for number, (category, text) in enumerate(zip(first.x, texts, strict=True)):
        y = top + _ROW * number + _ROW / 2
        bar = _bar(across, y, first.y[number], SERIES[0])
        marks = "".join(
            element("line", x1=x, x2=x, y1=y - 9, y2=y + 9, stroke=SERIES[1], stroke_width=3)
            for series in others
            if (value := _value(series, category)) is not None
            for x in (across.at(value),)
        )
        rows.append(element("g", told(f"{category}: {text} {chart.unit}") + bar + marks, class_="mark"))
        rows.append(words(fitted(str(category), _NAME_WIDTH - _GAP), 0, y + 4))
        rows.append(words(text, WIDTH - right + _GAP, y + 4))
    return _grid(across, top, bottom, chart.unit) + "".join(rows), bottom + _BOTTOM


def draw_ranking(chart: Chart, top: float) -> tuple[str, float]:
    """Return two lines for each category: its name, and below it a bar with its value at the end."""
    (series,) = chart.series
    high = max(series.y) or 1.0
    across = Scale(0.0, high, 0.0, WIDTH - 24 - max(width_of(written(value)) for value in series.y))
    drawn, y = [], top
    for name, value in zip(series.x, series.y, strict=True):
        drawn.append(words(fitted(str(name), WIDTH), 0, y + 12))
        bar = _bar(across, y + 24, value, STATES["handed_back"])
        drawn.append(element("g", told(f"{name}: {written(value)} {chart.unit}") + bar, class_="mark"))
        drawn.append(words(written(value), across.at(value) + 6, y + 28, bold=True))
        y += 38
    return "".join(drawn), y


def _bar(across: Scale, y: float, value: float, fill: str) -> str:
    start, end = across.at(max(0.0, across.low)), across.at(value)
    return element("rect", x=start, y=y - _BAR / 2, width=max(0.0, end - start), height=_BAR, fill=fill)


def _scale(values: Sequence[float], chart: Chart, right: float) -> Scale:
    return Scale(*covering(values, chart.y_range), start=_NAME_WIDTH, end=WIDTH - right)


def _grid(across: Scale, top: float, bottom: float, unit: str) -> str:
    lines = []
    for value in across.ticks(3):
        x = across.at(value)
        lines.append(element("line", x1=x, x2=x, y1=top, y2=bottom, stroke=GRID))
        lines.append(words(written(value), x, bottom + 14, anchor="middle", fill=FAINT))
    lines.append(words(unit, 0, bottom + 14, fill=FAINT))
    return "".join(lines)


def _written_values(series: Sequence[Series], category: object) -> str:
    values = [(each.name, _value(each, category)) for each in series]
    return ", ".join(f"{name} {written(value)}" for name, value in values if value is not None)


def _value(series: Series, category: object) -> float | None:
    return dict(zip(series.x, series.y, strict=True)).get(category)  # type: ignore[call-overload,no-any-return]


Drawer = Callable[[Chart, float], tuple[str, float]]
