"""Earnings and cost by the hour, for tables and charts."""

from dataclasses import dataclass
from datetime import datetime

from trellis_assets.domain.earnings.cost import per_result
from trellis_assets.domain.earnings.economy import NeuronRecord
from trellis_assets.domain.earnings.income import Income
from trellis_assets.domain.earnings.report import Prices, Usage


@dataclass(frozen=True, slots=True)
class HourEarnings:
    """One hour of one miner.

    Attributes:
        record: the last read of the chain in the hour; None where there was none.
        usage: what tasks that ended in the hour took and brought.
    """

    hour: datetime
    miner_hotkey: str
    prices: Prices
    income: Income
    gpu_hours: float
    usage: Usage
    record: NeuronRecord | None

    @property
    def money(self) -> float | None:
        """Return the income in the user's currency; None where it is not known."""
        return self.income.money(self.prices.tao)

    @property
    def cost(self) -> float | None:
        """Return what the GPU hours cost, idle ones too; None without a price."""
        return self.prices.gpu.of_hours(self.gpu_hours)

    @property
    def profit(self) -> float | None:
        """Return income less cost; None where either is not known."""
        return None if self.money is None or self.cost is None else self.money - self.cost

    @property
    def cost_per_accepted(self) -> float | None:
        """Return what an accepted result cost, idle GPU hours included."""
        return per_result(self.cost, self.usage.accepted)


def summed(usages: list[Usage]) -> Usage:
    """Return the sum of some usages.

    Example:
        >>> summed([Usage("5A", accepted=2, generation_s=60.0), Usage("5B", accepted=1)]).accepted
        3
    """
    return Usage(
        "",
        tasks=sum(each.tasks for each in usages),
        submitted=sum(each.submitted for each in usages),
        accepted=sum(each.accepted for each in usages),
        generation_s=sum(each.generation_s for each in usages),
    )
