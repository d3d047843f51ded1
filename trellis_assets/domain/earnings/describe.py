"""Earnings and cost in words and as JSON, for commands and other programs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from trellis_assets.domain.earnings.economy import NeuronRecord
from trellis_assets.domain.earnings.income import Income
from trellis_assets.domain.earnings.report import EarningsReport, UsageCost
from trellis_assets.domain.earnings.units import blocks_as_days


def answer(report: EarningsReport) -> str:
    """Return the answer to "am I earning?" in one sentence, with what is missing to know it."""
    if report.neuron is None:
        return "Not known: the chain was not read yet, or says nothing of this hotkey"
    if report.neuron.incentive <= 0:
        return f"No: uid {report.neuron.uid} has no incentive, so the chain pays it nothing"
    currency = report.prices.currency
    if report.profit is not None:
        said = "Yes" if report.profit > 0 else "No"
        return f"{said}: {_signed(report.profit)} {currency} in this time, income less cost"
    missing = []
    if report.prices.tao is None:
        missing.append("TRELLIS_TAO_PRICE")
    if report.prices.gpu.an_hour() is None:
        missing.append("TRELLIS_GPU_COST_PER_H (or TRELLIS_GPU_WATTS and TRELLIS_KWH_PRICE)")
    paid = f"Yes: {report.income.alpha:.4g} alpha in this time"
    return f"{paid}; set {' and '.join(missing)} to see the profit" if missing else paid


def lines_of(report: EarningsReport) -> Iterator[str]:
    """Yield the report as lines for a terminal."""
    yield answer(report)
    if report.deregistration is not None:
        yield f"warning: {report.deregistration}"
    yield f"from {report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M} UTC"
    span_h = (report.end - report.start).total_seconds() / 3600
    read = f"{report.income.hours_read:.1f} of {span_h:.1f} hours read"
    yield f"{'income':<12}{amounts(report.income, report.income_money, report.prices.currency)} ({read})"
    hours = f"{report.gpu_hours:.1f} GPU hours, {report.busy_share:.0%} busy"
    yield f"{'cost':<12}{_money(report.cost, report.prices.currency)} ({hours})"
    yield f"{'profit':<12}{_money(report.profit, report.prices.currency)}"
    usage = report.total.usage
    each = _money(report.cost_per_accepted, report.prices.currency)
    yield f"{'accepted':<12}{usage.accepted} of {usage.submitted} submitted, {each} each"
    if report.neuron is not None and report.daily is not None:
        rate = amounts(report.daily, report.daily_money, report.prices.currency)
        yield f"{'a day':<12}{rate} at the last read, {report.neuron.read_at:%Y-%m-%d %H:%M} UTC"
        yield f"{'neuron':<12}{describe_neuron(report.neuron)}"
    yield from _table("validator", report.validators, report.prices.currency)
    yield from _table("recipe", report.recipes, report.prices.currency)


def describe_neuron(neuron: NeuronRecord) -> str:
    """Return rank, incentive and the distance to deregistration, in a sentence for people."""
    rank = f"rank {neuron.rank} of {neuron.miners} miners" if neuron.rank is not None else "no rank"
    said = (
        f"uid {neuron.uid}, {rank}, incentive {neuron.incentive:.4f}, {neuron.alpha_stake:.4g} alpha staked"
    )
    if not neuron.is_full:
        return f"{said}; {neuron.places - neuron.neurons} places are free, so none is deregistered"
    order = f"number {neuron.pruning_position} in the order of removal"
    if neuron.immune_blocks:
        order = f"immune for {blocks_as_days(neuron.immune_blocks):.1f} days, then {order}"
    return f"{said}; {order if neuron.pruning_position is not None else 'never removed'}"


def amounts(income: Income, money: float | None, currency: str) -> str:
    """Return alpha, TAO and money, as far as they are known.

    Examples:
        >>> amounts(Income(30.0, 0.6), 240.0, "USD")
        '30 alpha = 0.6 TAO = 240.00 USD'
    """
    parts = [f"{income.alpha:.4g} alpha"]
    if income.tao is not None:
        parts.append(f"{income.tao:.4g} TAO")
    if money is not None:
        parts.append(f"{money:.2f} {currency}")
    return " = ".join(parts)


def as_json(report: EarningsReport) -> dict[str, Any]:
    """Return the report for other programs: times as ISO 8601, None where a figure is not known."""
    neuron = asdict(report.neuron) if report.neuron is not None else None
    if neuron is not None:
        neuron |= {name: neuron[name].isoformat() for name in ("first_read_at", "read_at")}
    return {
        "start": report.start.isoformat(),
        "end": report.end.isoformat(),
        "answer": answer(report),
        "currency": report.prices.currency,
        "income": asdict(report.income) | {"money": report.income_money},
        "daily": asdict(report.daily) | {"money": report.daily_money} if report.daily is not None else None,
        "gpu_hours": report.gpu_hours,
        "busy_share": report.busy_share,
        "cost": report.cost,
        "profit": report.profit,
        "cost_per_accepted": report.cost_per_accepted,
        "deregistration": report.deregistration,
        "neuron": neuron,
        "total": _usage_json(report.total),
        "validators": [_usage_json(each) for each in report.validators],
        "recipes": [_usage_json(each) for each in report.recipes],
    }


def _usage_json(of: UsageCost) -> dict[str, Any]:
    priced = {name: value for name, value in asdict(of).items() if name != "usage"}
    return asdict(of.usage) | priced


def _table(what: str, rows: tuple[UsageCost, ...], currency: str) -> Iterator[str]:
    if not rows:
        return
    counted = f"{'accepted':>10}{'submitted':>11}{'GPU min':>9}"
    yield f"{what:<20}{counted}{f'cost {currency}':>12}{f'each {currency}':>12}{'of income':>11}"
    for row in rows:
        usage = row.usage
        name = f"uid {usage.uid}" if usage.uid is not None else usage.name or "default prompts"
        share = f"{row.income_share:.0%}" if row.income_share is not None else ""
        counts = f"{usage.accepted:>10}{usage.submitted:>11}{usage.generation_s / 60:>9.1f}"
        money = f"{_figure(row.cost):>12}{_figure(row.cost_per_accepted):>12}"
        yield f"{name:<20}{counts}{money}{share:>11}"


def _money(value: float | None, currency: str) -> str:
    if value is None:
        return "not known"
    return f"{value:.2f} {currency}" if abs(value) >= 1 or value == 0 else f"{value:.4g} {currency}"


def _figure(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"


def _signed(value: float) -> str:
    return f"{value:+.2f}" if abs(value) >= 1 else f"{value:+.3g}"
