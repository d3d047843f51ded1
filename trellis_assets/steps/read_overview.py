"""Read the figures of the start page: a few bounded queries, each found by an index."""

from dataclasses import dataclass

from trellis_assets.domain.overview import DAY, Overview, overview_of, span_edges
from trellis_assets.ports import Clock, ReportQueries, StatisticsRepository, TaskRepository

# Of the last day, for distributions; counts are of all.
MAX_TASKS = 20_000


@dataclass(frozen=True, slots=True)
class ReadOverviewStep:
    """Reads what the start page shows, as it is now."""

    statistics: StatisticsRepository
    tasks: TaskRepository
    ledger: ReportQueries
    clock: Clock

    def run(self) -> Overview:
        """Return the overview of the last two days."""
        now = self.clock.now()
        start = now - DAY
        return overview_of(
            self.ledger.outcomes(now - 2 * DAY, now, edges=span_edges(now)),
            now=now,
            levels=self.ledger.standings(start, now),
            ended=self.ledger.ended(start, now, newest=MAX_TASKS),
            reasons=self.ledger.reasons(start, now, with_rejected=True),
            validators=self.statistics.validator_counters(),
            active_tasks=len(self.tasks.active(None)),
        )
