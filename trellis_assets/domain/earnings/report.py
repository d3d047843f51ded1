"""Earnings and cost of a miner over a span of time: the read model that pages, metrics and commands show."""

from dataclasses import dataclass, field
from datetime import datetime

from trellis_assets.domain.earnings.cost import GpuPrice, per_result
from trellis_assets.domain.earnings.deregistration import deregistration_risk
from trellis_assets.domain.earnings.economy import NeuronRecord
from trellis_assets.domain.earnings.income import Income, daily_rate
from trellis_assets.domain.earnings.units import HOUR_S


@dataclass(frozen=True, slots=True)
class Usage:
    """What tasks that ended in the span took and brought.

    Attributes:
        name: whose: a validator's hotkey, a recipe, or empty for all.
        uid, stake: of a validator.
        generation_s: GPU seconds of their generations; a reused result took none.
    """

    name: str
    tasks: int = 0
    submitted: int = 0
    accepted: int = 0
    generation_s: float = 0.0
    uid: int | None = None
    stake: float = 0.0


@dataclass(frozen=True, slots=True)
class UsageCost:
    """A usage with its price.

    Attributes:
        cost: of its GPU seconds, in the user's currency; None where no price is set.
        cost_per_accepted: of one of its accepted results.
        income_share: of a validator: its part of our income, 0 to 1, estimated (see `income_shares`); None of
            a recipe, and where nothing was accepted.
    """

    usage: Usage
    cost: float | None
    cost_per_accepted: float | None
    income_share: float | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What the user says things cost.

    Attributes:
        gpu: an hour of one GPU.
        tao: one TAO; None where it is not set.
        currency: of both, such as `USD`.
    """

    gpu: GpuPrice = field(default_factory=GpuPrice)
    tao: float | None = None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class EarningsReport:
    """Whether mining earned over start..end.

    None stands for what is not known: nothing is a zero that was not measured.

    Attributes:
        neuron: the last record of our neuron, whatever its age; None before the first read of the chain.
        income: of the span.
        daily: what a day brings at the last record; None without one.
        gpu_hours: that sessions ran, busy or idle.
        total: all tasks that ended in the span; its cost is that of the busy GPU seconds.
        validators, recipes: the same for each; the largest share, then the most accepted first.
    """

    start: datetime
    end: datetime
    prices: Prices
    neuron: NeuronRecord | None
    income: Income
    daily: Income | None
    gpu_hours: float
    total: UsageCost
    validators: tuple[UsageCost, ...] = ()
    recipes: tuple[UsageCost, ...] = ()

    @property
    def income_money(self) -> float | None:
        """Return the income in the user's currency; None without a price of TAO."""
        return self.income.money(self.prices.tao)

    @property
    def daily_money(self) -> float | None:
        """Return what a day brings at the last record, in the user's currency."""
        return self.daily.money(self.prices.tao) if self.daily is not None else None

    @property
    def cost(self) -> float | None:
        """Return what the span cost, idle GPU hours included; None without a price."""
        return self.prices.gpu.of_hours(self.gpu_hours)

    @property
    def cost_per_accepted(self) -> float | None:
        """Return what an accepted result cost, idle GPU hours included."""
        return per_result(self.cost, self.total.usage.accepted)

    @property
    def profit(self) -> float | None:
        """Return income less cost of the span, in the user's currency; None where either is not known."""
        income, cost = self.income_money, self.cost
        return None if income is None or cost is None else income - cost

    @property
    def busy_share(self) -> float:
        """Return the share of the GPU hours in which something was generated, 0 to 1."""
        busy_h = self.total.usage.generation_s / HOUR_S
        return min(1.0, busy_h / self.gpu_hours) if self.gpu_hours > 0 else 0.0

    @property
    def deregistration(self) -> str | None:
        """Return why deregistration is near, in a sentence for people; None while it is not."""
        return deregistration_risk(self.neuron) if self.neuron is not None else None


def priced(usage: Usage, gpu: GpuPrice, income_share: float | None = None) -> UsageCost:
    """Return the usage with the price of its GPU seconds.

    Examples:
        Half an hour at 0.40, with 10 accepted results:

        >>> half_an_hour = Usage("5Validator", accepted=10, generation_s=1800.0)
        >>> found = priced(half_an_hour, GpuPrice(0.40))
        >>> found.cost, found.cost_per_accepted
        (0.2, 0.02)
    """
    cost = gpu.of_hours(usage.generation_s / HOUR_S)
    return UsageCost(usage, cost, per_result(cost, usage.accepted), income_share)


def income_shares(validators: tuple[Usage, ...]) -> dict[str, float]:
    """Return an estimate of each validator's part in our income, by hotkey; empty where none accepted.

    The chain pays by the weights that validators set, each counted by its stake; a validator's weights follow
    its accepted results. Our weight with each is not known here: stake times accepted results stands for it.

    Examples:
        >>> large = Usage("large", accepted=6, stake=50_000)
        >>> small = Usage("small", accepted=10, stake=10_000)
        >>> income_shares((large, small))
        {'large': 0.75, 'small': 0.25}
    """
    worth = {each.name: each.stake * each.accepted for each in validators}
    total = sum(worth.values())
    return {name: part / total for name, part in worth.items()} if total > 0 else {}


def earnings_report(
    *,
    start: datetime,
    end: datetime,
    prices: Prices,
    neuron: NeuronRecord | None,
    income: Income,
    gpu_hours: float,
    validators: tuple[Usage, ...],
    recipes: tuple[Usage, ...],
) -> EarningsReport:
    """Return the report of what was counted; the total is the sum over the validators."""
    total = Usage(
        "",
        tasks=sum(each.tasks for each in validators),
        submitted=sum(each.submitted for each in validators),
        accepted=sum(each.accepted for each in validators),
        generation_s=sum(each.generation_s for each in validators),
    )
    shares = income_shares(validators)
    by_validator = [priced(each, prices.gpu, shares.get(each.name)) for each in validators]
    by_recipe = [priced(each, prices.gpu) for each in recipes]
    return EarningsReport(
        start=start,
        end=end,
        prices=prices,
        neuron=neuron,
        income=income,
        daily=daily_rate(neuron) if neuron is not None else None,
        gpu_hours=gpu_hours,
        total=priced(total, prices.gpu),
        validators=tuple(sorted(by_validator, key=_order)),
        recipes=tuple(sorted(by_recipe, key=_order)),
    )


def _order(of: UsageCost) -> tuple[float, int, str]:
    return -(of.income_share or 0.0), -of.usage.accepted, of.usage.name
