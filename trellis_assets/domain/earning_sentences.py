"""Earnings and cost in sentences, for the start page."""

import math

from trellis_assets.domain.earnings.report import EarningsReport
from trellis_assets.domain.tasks import printable

NO_PRICE = (
    "no price of a GPU is set (TRELLIS_GPU_COST_PER_H, or TRELLIS_GPU_WATTS with TRELLIS_KWH_PRICE), "
    "so that no cost is known"
)


def earning_sentence(report: EarningsReport | None) -> str:
    """Return what the chain pays, without a full stop; empty where it was never read."""
    if report is None or report.neuron is None or report.daily is None:
        return ""
    if report.daily.alpha <= 0 and report.income.alpha <= 0:
        return "No: the chain pays your neuron nothing at present"
    rate = f"{amount(report.daily.alpha)} alpha a day at present"
    if report.daily.tao is not None:
        rate += f" ({amount(report.daily.tao)} TAO{_money(report, report.daily_money)})"
    income = report.income
    got = f"{amount(income.alpha)} alpha in the last 24 hours, {income.hours_read:.0f} of them read"
    profit = "" if report.profit is None else f". Less cost that leaves {money(report, report.profit)}"
    return f"Yes: the chain pays {rate}; {got}{profit}"


def cost_sentence(report: EarningsReport | None) -> str:
    """Return what the last 24 hours cost, without a full stop; empty where it is not known why."""
    if report is None:
        return ""
    hours = (
        f"{report.gpu_hours:.1f} GPU hours in the last 24 hours, busy {100 * report.busy_share:.0f} % of them"
    )
    if report.cost is None:
        return f"{hours}; {NO_PRICE}"
    each = report.cost_per_accepted
    per_result = f", {money(report, each)} for each accepted result" if each is not None else ""
    return f"{money(report, report.cost)} for {hours}{per_result}"


def amount(value: float) -> str:
    """Return an amount of a currency with as many digits as say something.

    Examples:
        >>> [amount(value) for value in (0.0, 0.0000508, 0.0123, 1.5, 1234.0)]
        ['0', '0.0000508', '0.0123', '1.50', '1,234']
    """
    if value == 0:
        return "0"
    if abs(value) >= 100:  # noqa: PLR2004 - cents do not matter then
        return f"{value:,.0f}"
    decimals = 2 if abs(value) >= 1 else min(9, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def money(report: EarningsReport, value: float | None) -> str:
    """Return an amount in the user's currency; "not known" of None."""
    return "not known" if value is None else f"{amount(value)} {printable(report.prices.currency)}"


def _money(report: EarningsReport, value: float | None) -> str:
    return "" if value is None else f", {money(report, value)}"
