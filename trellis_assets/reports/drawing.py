"""Draw charts as SVG, in one style for the start page, reports and Dagster.

The SVG runs nothing and loads nothing, every text in it is escaped, and a browser shows the value of the
mark below the pointer without a script.
"""

from html import escape

from trellis_assets.reports.charts import Chart, ChartKind
from trellis_assets.reports.point_charts import draw_points
from trellis_assets.reports.row_charts import Drawer, draw_bars, draw_boxes, draw_ranking
from trellis_assets.reports.svg import BACK, FAINT, FONT_PX, element, words
from trellis_assets.reports.time_charts import WIDTH, draw_lines, draw_stacked_hours

_DRAWERS: dict[ChartKind, Drawer] = {
    ChartKind.STACKED_HOURS: draw_stacked_hours,
    ChartKind.LINES: draw_lines,
    ChartKind.BOXES: draw_boxes,
    ChartKind.POINTS: draw_points,
    ChartKind.BARS: draw_bars,
    ChartKind.RANKING: draw_ranking,
}
_TITLE_HEIGHT, _UNIT_HEIGHT = 24, 26
# These write the unit at an axis of their own.
_HAVE_UNIT = frozenset({ChartKind.BOXES, ChartKind.BARS, ChartKind.POINTS})


def draw_svg(chart: Chart) -> str:
    """Return the chart as an `<svg>` element for a page, whose label is the chart's title.

    The page writes the title itself, as a heading.
    """
    return _picture(chart, title="")


def draw_svg_file(chart: Chart) -> bytes:
    """Return the chart as an SVG file with its title, for pages that show it as a picture."""
    return _picture(chart, title=chart.title).encode("utf-8")


def _picture(chart: Chart, title: str) -> str:
    top = float(_TITLE_HEIGHT if title else 0)
    heading = words(title, 0, FONT_PX + 1, bold=True) if title else ""
    if chart.is_empty:
        body, end = words(chart.empty, 0, top + FONT_PX + 2, fill=FAINT), top + 24
    elif chart.kind in _HAVE_UNIT:
        body, end = _DRAWERS[chart.kind](chart, top)
    else:
        unit = words(chart.unit, 0, top + FONT_PX, fill=FAINT)
        body, end = _DRAWERS[chart.kind](chart, top + _UNIT_HEIGHT)
        body = unit + body
    margin = 12.0 if title else 2.0
    width, height = WIDTH + 2 * margin, end + 2 * margin
    back = element("rect", x=-margin, y=-margin, width=width, height=height, fill=BACK) if title else ""
    size = f'width="{width:.0f}" height="{height:.0f}" ' if title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(chart.title, quote=True)}" '
        f'{size}viewBox="{-margin:.0f} {-margin:.0f} {width:.0f} {height:.0f}" '
        f'font-family="system-ui, sans-serif" font-size="{FONT_PX}">{back}{heading}{body}</svg>'
    )
