"""Draw a cloud of points over the diagonal, both axes from 0 to 1."""

from trellis_assets.reports.charts import Chart
from trellis_assets.reports.scales import Scale, written
from trellis_assets.reports.svg import FAINT, GRID, SERIES, element, words

_SIDE, _LEFT, _BOTTOM = 240, 44, 38


def draw_points(chart: Chart, top: float) -> tuple[str, float]:
    """Return the chart below `top`, and where it ends."""
    top += 20
    across = Scale(0.0, 1.0, _LEFT, _LEFT + _SIDE)
    up = Scale(0.0, 1.0, top + _SIDE, top)
    parts = [words(chart.unit, 0, top - 8, fill=FAINT)]
    for value in across.ticks(4):
        x, y = across.at(value), up.at(value)
        parts.append(element("line", x1=x, x2=x, y1=up.start, y2=up.end, stroke=GRID))
        parts.append(element("line", x1=across.start, x2=across.end, y1=y, y2=y, stroke=GRID))
        parts.append(words(written(value), _LEFT - 6, y + 4, anchor="end", fill=FAINT))
        parts.append(words(written(value), x, up.start + 16, anchor="middle", fill=FAINT))
    parts.append(words(chart.x_unit, _LEFT + _SIDE / 2, up.start + 32, anchor="middle", fill=FAINT))
    parts.append(
        element(
            "line", x1=across.start, y1=up.start, x2=across.end, y2=up.end, stroke=FAINT, class_="diagonal"
        )
    )
    parts.append(words("equal", across.end + 6, up.end + 4, fill=FAINT))
    for number, series in enumerate(chart.series):
        # One path of dots: thousands of circles would be a hundred times the size.
        dots = "".join(
            f"M{across.at(float(x))} {up.at(y)}h0"  # type: ignore[arg-type]
            for x, y in zip(series.x, series.y, strict=True)
        )
        if dots:
            parts.append(
                element(
                    "path",
                    d=dots,
                    stroke=SERIES[number],
                    stroke_width=4,
                    stroke_linecap="round",
                    stroke_opacity=0.55,
                    class_="points",
                )
            )
    return "".join(parts), up.start + _BOTTOM
