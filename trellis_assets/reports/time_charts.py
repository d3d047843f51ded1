"""Draw charts over time: stacked bars of hours, and levels."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from trellis_assets.reports.charts import Chart, Series
from trellis_assets.reports.scales import HOUR, Scale, covering, time_scale, time_ticks, written
from trellis_assets.reports.svg import (
    BACK,
    FAINT,
    FONT_PX,
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

WIDTH = 480
_PLOT_HEIGHT = 170
_LEFT, _RIGHT, _BOTTOM = 44, 10, 24
_LABEL_WIDTH = 118
_LINE = FONT_PX + 4


def draw_stacked_hours(chart: Chart, top: float) -> tuple[str, float]:
    """Return the chart below `top`, and where it ends; the legend has the totals."""
    legend, top = _legend(chart.series, top)
    hours = sorted({cast("datetime", x) for series in chart.series for x in series.x})
    totals = dict.fromkeys(hours, 0.0)
    for series in chart.series:
        for x, value in zip(series.x, series.y, strict=True):
            totals[cast("datetime", x)] += value
    first, last = chart.x_range or (hours[0], hours[-1] + HOUR)
    up = Scale(*covering(list(totals.values()), (0.0, None)), start=top + _PLOT_HEIGHT, end=top)
    across = time_scale(min(first, hours[0]), max(last, hours[-1] + HOUR), _left_of(up), WIDTH - _RIGHT)
    below = dict.fromkeys(hours, 0.0)
    bars = "".join(_bars(series, across, up, below) for series in chart.series)
    return legend + _axes(across, up) + bars, top + _PLOT_HEIGHT + _BOTTOM


def _bars(series: Series, across: Scale, up: Scale, below: dict[datetime, float]) -> str:
    drawn = []
    for x, value in zip(series.x, series.y, strict=True):
        hour = cast("datetime", x)
        left, right = across.at(hour.timestamp()), across.at((hour + HOUR).timestamp())
        high, low = up.at(below[hour] + value), up.at(below[hour])
        below[hour] += value
        if value:
            said = told(f"{_day_and_hour(hour)}: {written(value)} {series.name.replace('_', ' ')}")
            gap = 0.5 if right - left > 3 else 0.0  # noqa: PLR2004 - pixels
            drawn.append(
                element(
                    "rect",
                    said,
                    x=left + gap / 2,
                    y=high,
                    width=right - left - gap,
                    height=low - high,
                    class_="mark",
                )
            )
    return element("g", "".join(drawn), fill=colour_of(series.name, 0)) if drawn else ""


def _legend(series: Sequence[Series], top: float) -> tuple[str, float]:
    """Return names and totals of the series in lines, and where they end."""
    drawn, x, y = [], 0.0, top + FONT_PX
    for each in series:
        text = f"{each.name.replace('_', ' ')} {written(sum(each.y))}"
        if x and x + 15 + width_of(text) > WIDTH:
            x, y = 0.0, y + _LINE
        drawn.append(element("rect", x=x, y=y - 9, width=10, height=10, fill=colour_of(each.name, 0)))
        drawn.append(words(text, x + 15, y))
        x += 15 + width_of(text) + 16
    return "".join(drawn), y + 12


def draw_lines(chart: Chart, top: float) -> tuple[str, float]:
    """Return the chart below `top`, and where it ends; each level has its name and last value at its end."""
    moments = [cast("datetime", x) for series in chart.series for x in series.x]
    values = [value for series in chart.series for value in series.y]
    first, last = chart.x_range or (min(moments), max(moments))
    end = WIDTH - _RIGHT - _LABEL_WIDTH
    up = Scale(*covering(values, chart.y_range), start=top + _PLOT_HEIGHT, end=top)
    across = time_scale(min(first, *moments), max(last, *moments), _left_of(up), end)
    levels = "".join(_level(series, number, across, up) for number, series in enumerate(chart.series))
    labels = _end_labels(chart.series, up, top, end + 8)
    return _axes(across, up) + levels + labels, top + _PLOT_HEIGHT + _BOTTOM


def _level(series: Series, number: int, across: Scale, up: Scale) -> str:
    points = [
        (across.at(cast("datetime", x).timestamp()), up.at(value))
        for x, value in zip(series.x, series.y, strict=True)
    ]
    (x, y), *others = points
    path = f"M{x} {y}" + "".join(f"H{x}V{y}" for x, y in others) + f"H{across.end}"
    colour = colour_of(series.name, number)
    line = element("path", told(series.name), d=path, fill="none", stroke=colour, stroke_width=2)
    dots = "".join(
        element(
            "circle",
            told(f"{series.name}, {_day_and_hour(cast('datetime', moment))}: {written(value)}"),
            cx=x,
            cy=y,
            r=3,
            class_="mark",
        )
        for (x, y), moment, value in zip(points, series.x, series.y, strict=True)
    )
    return line + element("g", dots, fill=colour, stroke=BACK)


def _end_labels(series: Sequence[Series], up: Scale, top: float, x: float) -> str:
    """Return names and last values beside the ends, moved apart where they would lie on each other."""
    wanted = sorted((up.at(each.y[-1]), number) for number, each in enumerate(series))
    lowest = top + _PLOT_HEIGHT
    places: list[float] = []
    for y, _ in wanted:
        places.append(max(y, places[-1] + _LINE) if places else max(y, top))
    overhang = max(0.0, places[-1] - lowest)
    drawn = []
    for index in range(len(places) - 1, -1, -1):
        bound = lowest if index == len(places) - 1 else places[index + 1] - _LINE
        places[index] = min(places[index], bound) if overhang else places[index]
    for y, (_, number) in zip(places, wanted, strict=True):
        value = written(series[number].y[-1])
        name = fitted(series[number].name, _LABEL_WIDTH - 16 - width_of(value))
        drawn.append(element("rect", x=x, y=y - 5, width=8, height=8, fill=colour_of("", number)))
        drawn.append(words(f"{name} {value}", x + 13, y + 4))
    return "".join(drawn)


def _left_of(up: Scale) -> float:
    """Return where the plot begins, so that the texts of the ticks have room beside it."""
    return max(_LEFT, 12 + max(width_of(written(value)) for value in up.ticks()))


def _axes(across: Scale, up: Scale) -> str:
    lines, texts = [], []
    for value in up.ticks():
        y = up.at(value)
        lines.append(element("line", x1=across.start, x2=across.end, y1=y, y2=y, stroke=GRID))
        texts.append(words(written(value), across.start - 6, y + 4, anchor="end", fill=FAINT))
    for seconds, text in time_ticks(across):
        x = across.at(seconds)
        lines.append(element("line", x1=x, x2=x, y1=up.start, y2=up.start + 4, stroke=FAINT))
        inside = min(max(x, across.start), WIDTH - width_of(text) / 2)
        texts.append(words(text, inside, up.start + 17, anchor="middle", fill=FAINT))
    lines.append(element("line", x1=across.start, x2=across.end, y1=up.start, y2=up.start, stroke=INK))
    return "".join(lines + texts)


def colour_of(name: str, number: int) -> str:
    """Return the colour of a series: that of the task's state, or by the series' number."""
    return STATES.get(name, SERIES[number % len(SERIES)])


def _day_and_hour(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
