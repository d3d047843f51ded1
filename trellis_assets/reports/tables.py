"""The reports by name: which rows they have."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from trellis_assets.ports import Ledger
from trellis_assets.reports.columns import REWARD_COLUMNS, TASK_COLUMNS, VALIDATOR_COLUMNS


@dataclass(frozen=True, slots=True)
class Report:
    """A report that can be downloaded.

    Attributes:
        columns: in their order, each with its meaning.
        pieces: its rows over a span of time, in frames of equal columns.
    """

    name: str
    title: str
    columns: dict[str, str]
    pieces: Callable[[Ledger, datetime, datetime], Iterator[pd.DataFrame]]


def _tasks(ledger: Ledger, start: datetime, end: datetime) -> Iterator[pd.DataFrame]:
    for piece in ledger.tasks(start, end):
        yield piece[list(TASK_COLUMNS)]


def _rewards(ledger: Ledger, start: datetime, end: datetime) -> Iterator[pd.DataFrame]:
    yield ledger.rewards(start, end)[list(REWARD_COLUMNS)]


def _validators(ledger: Ledger, _start: datetime, _end: datetime) -> Iterator[pd.DataFrame]:
    yield validator_table(ledger)


def validator_table(ledger: Ledger) -> pd.DataFrame:
    """The validator report: one row per miner and validator."""
    frame = ledger.validators()
    submitted = frame["total_tasks_submitted"].clip(lower=1)
    frame["success_rate"] = (frame["total_successful_submissions"] / submitted).astype("float64")
    return frame[list(VALIDATOR_COLUMNS)]


REPORTS = {
    report.name: report
    for report in (
        Report("rewards", "Rewards", REWARD_COLUMNS, _rewards),
        Report("validators", "Validators", VALIDATOR_COLUMNS, _validators),
        Report("tasks", "Tasks", TASK_COLUMNS, _tasks),
    )
}
