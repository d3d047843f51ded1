"""Draw charts with matplotlib: as SVG for pages, as WebP for Dagster's metadata.

The SVG has no script, and matplotlib escapes the texts that untrusted peers wrote.
"""

import io
import warnings
from collections.abc import Callable
from html import escape
from typing import Any

from trellis_assets.reports.charts import Chart, ChartKind

_INK, _BLUE, _ORANGE, _GREY = "#333333", "#3468b0", "#d9822b", "#b9bec6"
_COLOURS = {
    "accepted": "#3a8a4d",
    "rejected": "#b3423a",
    "handed_back": _ORANGE,
    "failed": _INK,
    "answer_unknown": _GREY,
}
_SIZE_INCHES = (6.4, 2.8)
_HOUR_IN_DAYS = 1 / 24


def draw_svg(chart: Chart) -> str:
    """Return the chart as an `<svg>` element whose label is the chart's title."""
    text = _saved(chart, "svg", metadata={"Date": None}).decode("utf-8")
    label = escape(chart.title, quote=True)
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def draw_webp(chart: Chart) -> bytes:
    """Return the chart as a WebP file, 640 x 280 pixels."""
    return _saved(chart, "webp", dpi=100)


def _saved(chart: Chart, form: str, **options: Any) -> bytes:
    import matplotlib as mpl

    # Text stays text in the SVG: the browser has fonts for all scripts, and a page is a quarter of the size.
    with mpl.rc_context({"svg.fonttype": "none", "font.family": "sans-serif"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        file = io.BytesIO()
        figure(chart).savefig(file, format=form, **options)
    return file.getvalue()


def figure(chart: Chart) -> Any:
    """Return the matplotlib figure; for an empty chart one that says so."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = drawn.subplots()
    if chart.is_empty:
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"{chart.title}: nothing yet", ha="center", va="center", color=_INK)
        return drawn
    axes.set_title(chart.title, loc="left", fontsize=10, color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.set_ylabel(chart.unit, fontsize=8)
    _DRAWERS[chart.kind](axes, chart)
    if chart.y_range is not None:
        # Afterwards: an open end is fitted to what is drawn.
        axes.set_ylim(*chart.y_range)
    return drawn


def _draw_stacked_hours(axes: Any, chart: Chart) -> None:
    below = [0.0] * len(chart.series[0].y)
    for series in chart.series:
        axes.bar(
            series.x,
            series.y,
            bottom=below,
            # From the hour's start on, so that no bar is drawn over another hour.
            width=_HOUR_IN_DAYS,
            align="edge",
            color=_COLOURS.get(series.name, _BLUE),
            edgecolor="white",
            linewidth=0.4,
            label=f"{series.name.replace('_', ' ')} ({sum(series.y):.0f})",
        )
        below = [low + value for low, value in zip(below, series.y, strict=True)]
    _add_legend(axes)


def _draw_lines(axes: Any, chart: Chart) -> None:
    for series in chart.series:
        axes.plot(series.x, series.y, marker="o", markersize=2.5, label=series.name)
    _add_legend(axes)


def _draw_boxes(axes: Any, chart: Chart) -> None:
    labels = [f"{series.name}\n{len(series.y)}" for series in chart.series]
    axes.boxplot([series.y for series in chart.series], tick_labels=labels)


def _draw_points(axes: Any, chart: Chart) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1)
    for series in chart.series:
        axes.scatter(series.x, series.y, s=9, alpha=0.5, color=_BLUE)
    axes.set(xlim=(0, 1), xlabel=chart.x_unit)


def _draw_bars(axes: Any, chart: Chart) -> None:
    first, *others = chart.series
    bars = axes.bar(first.x, first.y, color=_BLUE)
    axes.bar_label(bars, fmt="{:.3g} s" if chart.unit == "seconds" else "{:.3g}", fontsize=7)
    for series in others:
        axes.scatter(series.x, series.y, marker="_", s=400, color=_ORANGE)


def _draw_ranking(axes: Any, chart: Chart) -> None:
    (series,) = chart.series
    places = range(len(series.y) - 1, -1, -1)
    bars = axes.barh(places, series.y, color=_ORANGE)
    axes.bar_label(bars, fontsize=7)
    axes.set_yticks(places, labels=series.x, parse_math=False)
    axes.set_ylabel("")
    axes.set_xlabel(chart.unit, fontsize=8)


def _add_legend(axes: Any) -> None:
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    axes.figure.autofmt_xdate(rotation=30)


_DRAWERS: dict[ChartKind, Callable[[Any, Chart], None]] = {
    ChartKind.STACKED_HOURS: _draw_stacked_hours,
    ChartKind.LINES: _draw_lines,
    ChartKind.BOXES: _draw_boxes,
    ChartKind.POINTS: _draw_points,
    ChartKind.BARS: _draw_bars,
    ChartKind.RANKING: _draw_ranking,
}
