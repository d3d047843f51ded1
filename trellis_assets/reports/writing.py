"""Write tables to files: Parquet, CSV and JSON, frame by frame, each file as a whole or not at all."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from trellis_assets.system.atomic_write import atomic_write

if TYPE_CHECKING:
    import pandas as pd

# A spreadsheet computes a cell that begins with one of these; prompts come from untrusted peers.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """The formats that a report can be written in."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


def write_table(frames: Iterator["pd.DataFrame"], path: Path, form: Format) -> int:
    """Write the frames to a file and return their number of rows. For HTML see `page.render_page`."""
    writers = {Format.PARQUET: _write_parquet, Format.CSV: _write_csv, Format.JSON: _write_json}
    with atomic_write(path) as partial:
        return writers[form](frames, partial)


def _write_parquet(frames: Iterator["pd.DataFrame"], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, writer = 0, None
    try:
        for frame in frames:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
            rows += len(frame)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _write_csv(frames: Iterator["pd.DataFrame"], path: Path) -> int:
    """Write UTF-8; put an apostrophe before text that a spreadsheet would compute."""
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, frame in enumerate(frames):
            _without_formulas(frame).to_csv(file, index=False, header=number == 0)
            rows += len(frame)
    return rows


def _write_json(frames: Iterator["pd.DataFrame"], path: Path) -> int:
    """Write a list of objects; what is missing or no number is null."""
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for frame in frames:
            for record in json.loads(frame.to_json(orient="records", date_format="iso")):
                file.write(("," if rows else "") + "\n" + json.dumps(record))
                rows += 1
        file.write("\n]\n")
    return rows


def _without_formulas(frame: "pd.DataFrame") -> "pd.DataFrame":
    safe = frame.copy()
    for name in safe.select_dtypes(include=["string", "object"]):
        text = safe[name]
        risky = text.map(lambda value: isinstance(value, str) and value.startswith(_FORMULA_STARTS))
        safe[name] = text.where(~risky.astype(bool), "'" + text.astype("string"))
    return safe
