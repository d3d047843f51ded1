"""A report as a page for people: charts, and its table. One file, no script, nothing loaded."""

from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from itertools import islice

import jinja2
import markupsafe
import pandas as pd

from trellis_assets.domain.tasks import printable
from trellis_assets.ports import Ledger
from trellis_assets.reports import charts
from trellis_assets.reports.tables import Report

# Charts look at this many of the newest tasks, and a page shows this many rows.
CHARTED_TASKS = 50_000
SHOWN_ROWS = 500
_LONGEST_CELL = 200


def write_page(report: Report, ledger: Ledger, start: datetime, end: datetime) -> str:
    """HTML. Every text that a stranger may have written is escaped."""
    tasks = pd.concat(list(ledger.tasks(start, end, newest=CHARTED_TASKS)), ignore_index=True)
    drawn = [
        charts.draw_outcomes(tasks),
        charts.draw_standings(tasks),
        charts.draw_fidelities(tasks),
        charts.draw_score_pairs(tasks),
        charts.draw_stage_times(tasks),
        charts.draw_reasons(ledger.reasons(start, end)),
    ]
    rows = list(islice(_rows(report.pieces(ledger, start, end)), SHOWN_ROWS + 1))
    return _template().render(
        title=report.title,
        start=f"{start:%Y-%m-%d %H:%M}",
        end=f"{end:%Y-%m-%d %H:%M}",
        columns=report.columns,
        rows=rows[:SHOWN_ROWS],
        is_cut=len(rows) > SHOWN_ROWS,
        # SVG by matplotlib, which escapes what it draws.
        charts=[markupsafe.Markup(svg) for svg in drawn],  # noqa: S704
    )


def _rows(pieces: Iterator[pd.DataFrame]) -> Iterator[list[str]]:
    for piece in pieces:
        for values in piece.itertuples(index=False):
            yield [_cell(value) for value in values]


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return printable(str(value), _LONGEST_CELL)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(source)
