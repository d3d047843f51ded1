"""Metadata that several definitions show: tables, charts, links, pictures."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlencode

import dagster as dg

from trellis_assets.domain.columns.column import Column
from trellis_assets.domain.columns.task_columns import TASK_COLUMNS
from trellis_assets.domain.tasks import Task, printable
from trellis_assets.reports.charts import Chart
from trellis_assets.reports.files import PUBLISHED_FORMATS, PublishedReport
from trellis_assets.reports.writing import Format
from trellis_assets.steps.show_candidates import ShownCandidates

if TYPE_CHECKING:
    import pandas as pd

OWNERS = ["team:mining"]
Materialized: TypeAlias = dg.MaterializeResult[None]
Metadata: TypeAlias = dict[str, Any]
_ROWS = 20
_LONGEST_CELL = 200
_LONGEST_LINE = 500


def column_schema(columns: Mapping[str, Column]) -> dict[str, Any]:
    """Return metadata with the type and the meaning of each column."""
    described = [dg.TableColumn(c.name, c.type_name, c.meaning) for c in columns.values()]
    return {"dagster/column_schema": dg.TableSchema(columns=described)}


def task_metadata(task: Task) -> dict[str, dg.MetadataValue[Any]]:
    """Return what a task's run shows of it, under the names that the registry of columns gives."""
    found = ((column, column.value_in(task)) for column in TASK_COLUMNS.values() if column.run_metadata)
    return {str(column.run_metadata): _value(column, value) for column, value in found if value is not None}


def _value(column: Column, value: Any) -> dg.MetadataValue[Any]:
    if column.type is float:
        return dg.MetadataValue.float(float(value))
    if column.type is int:
        return dg.MetadataValue.int(value)
    if column.type is dict:
        return dg.MetadataValue.json(dict(value))
    return (
        dg.MetadataValue.path(value) if column.name.endswith("_path") else dg.MetadataValue.text(str(value))
    )


def small_table(frame: "pd.DataFrame", columns: Iterable[str]) -> dg.MetadataValue[Any]:
    """Return the first 20 rows of some columns as a table; a text where there is none."""
    return records_table(frame[list(columns)].head(_ROWS).to_dict("records"))


def records_table(rows: Iterable[Mapping[Any, Any]]) -> dg.MetadataValue[Any]:
    """Return the rows as a table; a text where there is none."""
    records = [dg.TableRecord({str(name): _plain(value) for name, value in row.items()}) for row in rows]
    return dg.MetadataValue.table(records) if records else dg.MetadataValue.text("no rows")


def _plain(value: Any) -> str | int | float | bool:
    if isinstance(value, str):
        return printable(value, _LONGEST_CELL)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 4) if value == value else ""  # noqa: PLR0124 - NaN
    return "" if str(value) in {"None", "<NA>", "NaT"} else str(value)


def markdown_picture(picture: bytes, text: str, form: str = "webp") -> dg.MarkdownMetadataValue:
    """Return a picture as Markdown that holds its data, so that the UI needs no other server to show it."""
    return dg.MetadataValue.md(f"![{text}](data:image/{form};base64,{b64encode(picture).decode('ascii')})")


def candidates_metadata(shown: ShownCandidates | None) -> dict[str, dg.MetadataValue[Any]]:
    """Return a task's candidates as pictures with their scores, and why one of them went."""
    if shown is None:
        return {}
    found: dict[str, dg.MetadataValue[Any]] = {}
    if shown.picture is not None:
        order = ", ".join(str(number) for number in shown.drawn)
        found["candidates"] = markdown_picture(shown.picture, f"candidates {order}, from left to right")
    if shown.lines:
        found["candidate_scores"] = dg.MetadataValue.text(_text_of(shown.lines))
    if shown.decisions:
        found["decisions"] = dg.MetadataValue.text(_text_of(shown.decisions))
    return found


def _text_of(lines: Iterable[str]) -> str:
    # Reasons may quote what a server or a validator said.
    # Numbered, since the UI shows line breaks as spaces.
    numbered = enumerate((printable(line, _LONGEST_LINE) for line in lines), 1)
    return "\n".join(f"{number}. {line}" for number, line in numbered)


def chart_metadata(charts: Iterable[Chart]) -> Metadata:
    """Return the numbers of the charts, which Dagster plots over partitions, and then their pictures."""
    from trellis_assets.reports.drawing import draw_svg_file

    charts = list(charts)
    numbers = {name: _plain(value) for chart in charts for name, value in chart.numbers.items()}
    pictures = {
        chart.key: markdown_picture(draw_svg_file(chart), chart.title, "svg+xml")
        for chart in charts
        if not chart.is_empty
    }
    return numbers | pictures


def report_links(
    gallery: str, name: str, published: PublishedReport, *, days: tuple[str, str] | None = None
) -> Metadata:
    """Return links to a report's page and downloads at the gallery, and the paths of its files.

    Args:
        gallery: URL of the gallery, without a slash at its end.
        name: of the report.
        published: its files.
        days: first and last day; without them the gallery takes the last week.
    """
    span = dict(zip(("since", "until"), days, strict=True)) if days else {}
    links: Metadata = {}
    for form in (Format.HTML, *(form for form in PUBLISHED_FORMATS if form is not Format.HTML)):
        title = "page" if form is Format.HTML else f"download_{form}"
        query = urlencode({"name": name, "form": str(form)} | span)
        links[title] = dg.MetadataValue.url(f"{gallery}/report?{query}")
    return links | {form: dg.MetadataValue.path(str(path)) for form, path in published.files.items()}
