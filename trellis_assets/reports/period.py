"""The tables that the charts of one report are made from."""

from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from trellis_assets.ports import ReportQueries

if TYPE_CHECKING:
    import pandas as pd

# The newest tasks that charts look at.
MAX_CHARTED_TASKS = 50_000
# A task that was pulled before the period may end in it; none takes longer.
_LONGEST_TASK = timedelta(days=1)


class ReportPeriod:
    """A span of time with its tables, each read at most once.

    Attributes:
        start, end: aware UTC; `end` is excluded.
    """

    def __init__(self, ledger: ReportQueries, start: datetime, end: datetime) -> None:
        self.ledger, self.start, self.end = ledger, start, end

    @cached_property
    def ended(self) -> "pd.DataFrame":
        """The tasks that reached their final state in the period, oldest first: the newest 50,000."""
        import pandas as pd

        pulled = self.ledger.tasks(self.start - _LONGEST_TASK, self.end, newest=MAX_CHARTED_TASKS)
        tasks = pd.concat(list(pulled), ignore_index=True)
        is_of_period = (tasks["finished_at"] >= self.start) & (tasks["finished_at"] < self.end)
        return tasks[is_of_period]

    @cached_property
    def reasons(self) -> "pd.DataFrame":
        """Columns `reason` and `tasks`: how many tasks ended without a submission."""
        return self.ledger.reasons(self.start, self.end)
