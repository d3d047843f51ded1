"""Tables as files: Parquet, CSV and JSON, written piece by piece, whole or not at all."""

import contextlib
import json
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pandas as pd

# A spreadsheet takes a cell that begins so for a formula; prompts are written by strangers.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """What a report can be."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; the file is at `path` when the block ended well, and nowhere when not."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_table(pieces: Iterator[pd.DataFrame], path: Path, form: Format) -> int:
    """The pieces are in the file; their number of rows. HTML is a page's matter, not a table's."""
    writers = {Format.PARQUET: _write_parquet, Format.CSV: _write_csv, Format.JSON: _write_json}
    with whole_file(path) as partial:
        return writers[form](pieces, partial)


def _write_parquet(pieces: Iterator[pd.DataFrame], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, writer = 0, None
    try:
        for piece in pieces:
            table = pa.Table.from_pandas(piece, preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
            rows += len(piece)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _write_csv(pieces: Iterator[pd.DataFrame], path: Path) -> int:
    """UTF-8. Text that a spreadsheet would compute gets an apostrophe before it."""
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, piece in enumerate(pieces):
            _without_formulas(piece).to_csv(file, index=False, header=number == 0)
            rows += len(piece)
    return rows


def _write_json(pieces: Iterator[pd.DataFrame], path: Path) -> int:
    """A list of objects; what is missing or no number is null."""
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for piece in pieces:
            for record in json.loads(piece.to_json(orient="records", date_format="iso")):
                file.write(("," if rows else "") + "\n" + json.dumps(record))
                rows += 1
        file.write("\n]\n")
    return rows


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    safe = frame.copy()
    for name in safe.select_dtypes(include=["string", "object"]):
        text = safe[name]
        risky = text.map(lambda value: isinstance(value, str) and value.startswith(_FORMULA_STARTS))
        safe[name] = text.where(~risky.astype(bool), "'" + text.astype("string"))
    return safe
