"""Render a report as a page for people: charts and a table in one file that runs and loads nothing."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING

import jinja2
import markupsafe

from trellis_assets.domain.tasks import printable
from trellis_assets.reports.chart_tables import ChartTable, table_of
from trellis_assets.reports.charts import Chart
from trellis_assets.reports.drawing import draw_svg
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.report import Report

if TYPE_CHECKING:
    import pandas as pd

# A page shows so many rows; the files have all of them.
MAX_SHOWN_ROWS = 500
_MAX_CELL_CHARACTERS = 200
# A long word that is shown shortened: a hotkey, a hash, or a hash with its kind before it.
_KEY = re.compile(r"(?:image:)?[0-9A-Za-z]{32,}")
_KEY_START, _KEY_END = 8, 4


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the page's table.

    Attributes:
        text: what is shown.
        whole: what a long key is, of which the text shows the beginning and the end; else empty.
    """

    text: str
    whole: str = ""


def render_page(report: Report, period: ReportPeriod, charts: Sequence[Chart]) -> str:
    """Return the page as HTML; every text that an untrusted peer may have written is escaped.

    Its table has the columns that people read, names first; the files have all of them.
    """
    shown = report.shown or tuple(report.columns)
    rows = list(islice(_rows(frame[list(shown)] for frame in report.rows(period)), MAX_SHOWN_ROWS + 1))
    return _template().render(
        title=report.title,
        scope=report.scope,
        start=f"{period.start:%Y-%m-%d %H:%M}",
        end=f"{period.end:%Y-%m-%d %H:%M}",
        columns={name.replace("_", " "): report.columns[name].meaning for name in shown},
        rows=rows[:MAX_SHOWN_ROWS],
        is_cut=len(rows) > MAX_SHOWN_ROWS,
        has_more_columns=len(shown) < len(report.columns),
        figures=[figure_of(chart) for chart in charts],
        # A file of this package.
        style=markupsafe.Markup(files(__package__).joinpath("charts.css").read_text("utf-8")),  # noqa: S704
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as a page shows it: a heading, a drawing, and its numbers as a table."""

    key: str
    title: str
    drawing: markupsafe.Markup
    table: ChartTable


def figure_of(chart: Chart) -> Figure:
    """Return the chart drawn, with its numbers as a table."""
    # The drawing escapes every text.
    return Figure(chart.key, chart.title, markupsafe.Markup(draw_svg(chart)), table_of(chart))  # noqa: S704


def _rows(frames: Iterable["pd.DataFrame"]) -> Iterator[list[Cell]]:
    for frame in frames:
        for values in frame.itertuples(index=False):
            yield [cell_of(value) for value in values]


def cell_of(value: object) -> Cell:
    """Return how a table shows a value; of a key, a hash or an address its beginning and its end."""
    text = _text(value)
    if _KEY.fullmatch(text):
        return Cell(f"{text[:_KEY_START]}…{text[-_KEY_END:]}", text)
    return Cell(text)


def _text(value: object) -> str:
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return printable(str(value), _MAX_CELL_CHARACTERS)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(source)
