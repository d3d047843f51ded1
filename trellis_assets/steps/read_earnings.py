"""Read what mining earned and cost: the one place from which pages, metrics, reports and commands have it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.earnings.cost import gpu_hours
from trellis_assets.domain.earnings.income import income
from trellis_assets.domain.earnings.report import EarningsReport, Prices, earnings_report
from trellis_assets.ports import Clock, EarningsRepository


@dataclass(frozen=True, slots=True)
class ReadEarningsStep:
    """Read earnings and cost of one miner from the store: a few sums, milliseconds, no chain is read.

    `Pipeline.reports.read_earnings_step()` returns it ready.

    Attributes:
        miner_hotkey: whose.
        source: network and subnet, as `NetworkSettings.metagraph_source` says.
        prices: of GPUs and TAO, as the user set them.
    """

    earnings: EarningsRepository
    clock: Clock
    miner_hotkey: str
    source: str
    prices: Prices

    def today(self) -> EarningsReport:
        """Return the report of this day, UTC, from midnight to now."""
        now = self.clock.now()
        return self.run(now.replace(hour=0, minute=0, second=0, microsecond=0), now)

    def last(self, span: timedelta) -> EarningsReport:
        """Return the report of the last hours, to now."""
        now = self.clock.now()
        return self.run(now - span, now)

    def run(self, start: datetime, end: datetime) -> EarningsReport:
        """Return the report of start..end (excluded), aware UTC; nothing after now is counted."""
        now, of = self.clock.now(), (self.miner_hotkey, start, end)
        until = min(end, now)
        records = self.earnings.records(self.source, *of)
        return earnings_report(
            start=start,
            end=end,
            prices=self.prices,
            neuron=self.earnings.latest(self.source, self.miner_hotkey),
            income=income(records, start, until),
            gpu_hours=gpu_hours(self.earnings.sessions(*of), start, until, now),
            validators=tuple(self.earnings.usage_by_validator(*of)),
            recipes=tuple(self.earnings.usage_by_recipe(*of)),
        )
