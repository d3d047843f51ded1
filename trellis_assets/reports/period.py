"""What the charts of one report are made from."""

from functools import cached_property

from trellis_assets.domain.ended_tasks import EndedTask, HourStanding, OutcomeCount
from trellis_assets.reports.earned import EarningsPeriod
from trellis_assets.reports.learnt import LearntPeriod

# Distributions are made of the newest tasks; counts and levels are of all.
MAX_CHARTED_TASKS = 50_000


class ReportPeriod(LearntPeriod, EarningsPeriod):
    """A span of time with its figures, each read at most once, and what was learnt until its end."""

    @cached_property
    def outcomes(self) -> list[OutcomeCount]:
        """The tasks that reached their final state in the period, counted."""
        return self.ledger.outcomes(self.start, self.end)

    @cached_property
    def standings(self) -> list[HourStanding]:
        """Our standing with each validator at the end of each hour that had feedback."""
        return self.ledger.standings(self.start, self.end)

    @cached_property
    def ended(self) -> list[EndedTask]:
        """The tasks that reached their final state in the period, oldest first: the newest 50,000."""
        return self.ledger.ended(self.start, self.end, newest=MAX_CHARTED_TASKS)

    @cached_property
    def reasons(self) -> list[tuple[str, int]]:
        """Reasons why tasks ended without a submission, with counts, the most frequent first."""
        return self.ledger.reasons(self.start, self.end)
