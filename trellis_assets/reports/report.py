"""A report as a value: its columns, its rows and its charts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trellis_assets.domain.columns.column import Column
from trellis_assets.reports.charts import Chart
from trellis_assets.reports.period import ReportPeriod

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Report:
    """A table with charts, over a period.

    Attributes:
        name: in commands, URLs and folders.
        columns: by name, in their order.
        rows: its rows, in frames of equal columns; at least one frame, so that an empty table has columns.
        charts: make what its page and its asset show beside the table.
        scope: what its charts are of, for its page.
        shown: columns that its page has, names before keys, so that they fit the width of a laptop; all of
            them where it is empty. The files have all.
    """

    name: str
    title: str
    columns: Mapping[str, Column]
    rows: Callable[[ReportPeriod], Iterator["pd.DataFrame"]]
    charts: tuple[Callable[[ReportPeriod], Chart], ...]
    shown: tuple[str, ...] = ()
    scope: str = "The charts are of tasks that ended in this time."
