"""View models of earnings and cost on the start page, as texts still to be escaped."""

from dataclasses import dataclass

from trellis_assets.domain.advice import names_of
from trellis_assets.domain.earning_sentences import amount, money
from trellis_assets.domain.earnings.report import EarningsReport
from trellis_assets.domain.overview import Overview

_MAX_LINES = 20


@dataclass(frozen=True, slots=True)
class CostLine:
    """What the tasks of one validator took and brought."""

    name: str
    accepted: str
    gpu: str
    cost: str
    cost_per_accepted: str
    income_share: str


def facts(report: EarningsReport | None) -> list[tuple[str, str]]:
    """Return names and values of what the last 24 hours earned and cost; nothing before they were read."""
    if report is None:
        return []
    found = []
    if (neuron := report.neuron) is not None and report.daily is not None:
        rank = f"rank {neuron.rank} of {neuron.miners} miners" if neuron.rank else "no rank yet"
        found += [
            ("Income", _worth(report, report.income.alpha, report.income.tao, report.income_money)),
            ("hours of it read", f"{report.income.hours_read:.0f} of 24"),
            ("A day at present", _worth(report, report.daily.alpha, report.daily.tao, report.daily_money)),
            ("Incentive", f"{neuron.incentive:.4f}, {rank}"),
            ("Chain read at", f"{neuron.read_at:%Y-%m-%d %H:%M} UTC"),
        ]
    else:
        found.append(("Income", "no earnings read yet"))
    found += [
        ("Cost", money(report, report.cost)),
        ("GPU hours", f"{report.gpu_hours:.1f}, busy {100 * report.busy_share:.0f} %"),
        ("Cost of an accepted result", money(report, report.cost_per_accepted)),
        ("Profit", money(report, report.profit)),
    ]
    return found


def lines(report: EarningsReport | None, overview: Overview | None) -> list[CostLine]:
    """Return what each validator's tasks took and brought, those that bring the most first."""
    if report is None:
        return []
    names = names_of(overview.validators) if overview is not None else {}
    return [
        CostLine(
            name=f"uid {of.usage.uid}"
            if of.usage.uid is not None
            else names.get(of.usage.name, of.usage.name[:8]),
            accepted=f"{of.usage.accepted:,} of {of.usage.tasks:,}",
            gpu=f"{of.usage.generation_s / 60:,.1f} min",
            cost=money(report, of.cost),
            cost_per_accepted=money(report, of.cost_per_accepted),
            income_share="" if of.income_share is None else f"{100 * of.income_share:.0f} %",
        )
        for of in report.validators[:_MAX_LINES]
    ]


def _worth(report: EarningsReport, alpha: float, tao: float | None, worth: float | None) -> str:
    parts = [f"{amount(alpha)} alpha"]
    parts += [f"{amount(tao)} TAO"] if tao is not None else []
    parts += [money(report, worth)] if worth is not None else []
    return ", ".join(parts)
