"""Metadata that several definitions show, made in one way."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg

from trellis_assets.domain.tasks import printable

if TYPE_CHECKING:
    import pandas as pd

OWNERS = ["team:mining"]
Materialized: TypeAlias = dg.MaterializeResult[None]
Metadata: TypeAlias = dict[str, Any]
_ROWS = 20
_LONGEST_CELL = 200


def column_schema(columns: Mapping[str, str], types: Mapping[str, str]) -> dict[str, Any]:
    """Return metadata that tells what each column means, and its type."""
    described = [dg.TableColumn(name, types[name], meaning) for name, meaning in columns.items()]
    return {"dagster/column_schema": dg.TableSchema(columns=described)}


def small_table(frame: "pd.DataFrame", columns: Iterable[str]) -> dg.MetadataValue[Any]:
    """The first rows of some columns; a text where there is none."""
    return records_table(frame[list(columns)].head(_ROWS).to_dict("records"))


def records_table(rows: Iterable[Mapping[Any, Any]]) -> dg.MetadataValue[Any]:
    """The rows as a table; a text where there is none."""
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


def markdown_picture(webp: bytes, text: str) -> dg.MarkdownMetadataValue:
    """The picture inside the metadata itself, so that the UI shows it without another server."""
    return dg.MetadataValue.md(f"![{text}](data:image/webp;base64,{b64encode(webp).decode('ascii')})")
