"""Tables of pandas with the types that the registry of columns declares."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from trellis_assets.domain.columns.column import Column

if TYPE_CHECKING:
    import pandas as pd

# Types that know missing values, so that every chunk of a table has the same.
DTYPES: dict[type, str] = {
    str: "string",
    int: "Int64",
    float: "float64",
    bool: "boolean",
    datetime: "datetime64[us, UTC]",
}


def typed(frame: "pd.DataFrame", columns: Mapping[str, Column]) -> "pd.DataFrame":
    """Give the frame's columns their declared types, also where a column has no value at all."""
    import pandas as pd

    for name in frame.columns:
        column = columns.get(name)
        if column is None:
            continue
        values = pd.to_datetime(frame[name], utc=True) if column.type is datetime else frame[name]
        frame[name] = values.astype(DTYPES[column.type])  # type: ignore[call-overload]
    return frame
