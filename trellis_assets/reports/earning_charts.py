"""Charts of earnings and cost: money by the hour, and what accepted results cost by validator and recipe."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from trellis_assets.domain.earnings.hours import HourEarnings
from trellis_assets.domain.earnings.report import UsageCost
from trellis_assets.domain.tasks import printable
from trellis_assets.reports.charts import Chart, ChartKind, Series
from trellis_assets.reports.period import ReportPeriod

_MOST = 12


def alpha_by_hour(period: ReportPeriod) -> Chart:
    """Return the alpha of each hour, by miner."""
    return alpha_chart(period.earning_hours, (period.start, period.end))


def alpha_chart(hours: Sequence[HourEarnings], span: tuple[datetime, datetime]) -> Chart:
    """Return the alpha that the chain paid in each hour, stacked by miner."""
    starts = sorted({each.hour for each in hours})
    of: dict[str, dict[datetime, float]] = defaultdict(dict)
    for each in hours:
        of[each.miner_hotkey][each.hour] = each.income.alpha
    priced = [each.income.tao for each in hours if each.income.tao is not None]
    numbers = {"alpha": sum(each.income.alpha for each in hours)}
    return Chart(
        key="alpha_by_hour",
        title="Alpha of each hour (UTC)",
        kind=ChartKind.STACKED_HOURS,
        unit="alpha",
        series=tuple(
            Series(_name(miner, len(of)), tuple(starts), tuple(found.get(start, 0.0) for start in starts))
            for miner, found in of.items()
            if any(found.values())
        ),
        x_range=span,
        numbers=numbers | ({"tao": sum(priced)} if priced else {}),
        empty="nothing was paid, or nothing read",
    )


def money_by_hour(period: ReportPeriod) -> Chart:
    """Return income, cost and profit of each hour, of all miners together."""
    return money_chart(period.earning_hours, period.currency, (period.start, period.end))


def money_chart(hours: Sequence[HourEarnings], currency: str, span: tuple[datetime, datetime]) -> Chart:
    """Return income, cost and profit, each where it is known."""
    found = {
        name: _by_hour((each.hour, getattr(each, attribute)) for each in hours)
        for name, attribute in (("income", "money"), ("cost", "cost"), ("profit", "profit"))
    }
    return Chart(
        key="money_by_hour",
        title="Money of each hour (UTC)",
        kind=ChartKind.LINES,
        unit=currency,
        series=tuple(Series(name, tuple(of), tuple(of.values())) for name, of in found.items() if of),
        x_range=span,
        numbers={name: sum(of.values()) for name, of in found.items() if of},
        empty="no price of TAO or GPUs is set",
    )


def cost_by_validator(period: ReportPeriod) -> Chart:
    """Return what an accepted result of each validator cost."""
    return cost_chart("validator", period.validator_costs, period.currency)


def cost_by_recipe(period: ReportPeriod) -> Chart:
    """Return what an accepted result of each recipe cost."""
    return cost_chart("recipe", period.recipe_costs, period.currency)


def cost_chart(what: str, costs: Sequence[UsageCost], currency: str) -> Chart:
    """Return the cost of an accepted result, the dearest first; in GPU minutes where no price is set."""
    is_priced = any(each.cost is not None for each in costs)
    found = [(_named(each), _each(each)) for each in costs if each.usage.accepted]
    found = sorted(found, key=lambda pair: -pair[1])[:_MOST]
    names, values = tuple(name for name, _ in found), tuple(value for _, value in found)
    return Chart(
        key=f"cost_by_{what}",
        title=f"GPU cost of an accepted result by {what}",
        kind=ChartKind.RANKING,
        unit=currency if is_priced else "GPU minutes",
        series=(Series("cost", names, values),) if found else (),
        empty="no result was accepted in this time",
    )


def _each(of: UsageCost) -> float:
    if of.cost_per_accepted is not None:
        return of.cost_per_accepted
    return of.usage.generation_s / 60 / of.usage.accepted


def _named(of: UsageCost) -> str:
    usage = of.usage
    return f"uid {usage.uid}" if usage.uid is not None else printable(usage.name or "default prompts", 40)


def _name(miner: str, miners: int) -> str:
    return "alpha" if miners == 1 else miner[:8]


def _by_hour(pairs: Iterable[tuple[datetime, float | None]]) -> dict[datetime, float]:
    found: dict[datetime, float] = {}
    for hour, value in pairs:
        if value is not None:
            found[hour] = found.get(hour, 0.0) + value
    return dict(sorted(found.items()))
