"""Render a report as a page for people: charts and a table in one file that runs and loads nothing."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from itertools import islice

import jinja2
import markupsafe
import pandas as pd

from trellis_assets.domain.tasks import printable
from trellis_assets.reports.charts import Chart
from trellis_assets.reports.drawing import draw_svg
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.tables import Report

# A page shows so many rows; the files have all of them.
MAX_SHOWN_ROWS = 500
_MAX_CELL_CHARACTERS = 200


def render_page(report: Report, period: ReportPeriod, charts: Sequence[Chart]) -> str:
    """Return the page as HTML; every text that an untrusted peer may have written is escaped."""
    rows = list(islice(_rows(report.rows(period)), MAX_SHOWN_ROWS + 1))
    return _template().render(
        title=report.title,
        start=f"{period.start:%Y-%m-%d %H:%M}",
        end=f"{period.end:%Y-%m-%d %H:%M}",
        columns={name: column.meaning for name, column in report.columns.items()},
        rows=rows[:MAX_SHOWN_ROWS],
        is_cut=len(rows) > MAX_SHOWN_ROWS,
        # SVG by matplotlib, which escapes what it draws.
        charts=[markupsafe.Markup(draw_svg(chart)) for chart in charts],  # noqa: S704
    )


def _rows(frames: Iterator[pd.DataFrame]) -> Iterator[list[str]]:
    for frame in frames:
        for values in frame.itertuples(index=False):
            yield [_cell(value) for value in values]


def _cell(value: object) -> str:
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
