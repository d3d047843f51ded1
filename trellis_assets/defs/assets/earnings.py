"""What mining earned and cost: each hour as an asset, each day as a report."""

import dagster as dg

from trellis_assets.defs.assets.reports import report_asset
from trellis_assets.defs.assets.subnet import validators
from trellis_assets.defs.assets.tasks import submissions
from trellis_assets.defs.metadata import OWNERS, Materialized, Metadata
from trellis_assets.defs.partitions import hours, span_of
from trellis_assets.defs.resources import ReportsResource
from trellis_assets.domain.earnings.describe import describe_neuron
from trellis_assets.domain.earnings.report import EarningsReport
from trellis_assets.reports.tables import REPORTS

GROUP = "earnings"


@dg.asset(
    deps=[validators, submissions],
    partitions_def=hours,
    group_name=GROUP,
    kinds={"bittensor", "sql"},
    owners=OWNERS,
    description="What the chain paid our own neuron in an hour, in alpha, TAO and the user's currency, and "
    "what mining cost. The chain is read with the metagraph; this reads the store.",
)
def earnings(context: dg.AssetExecutionContext, reports: ReportsResource) -> Materialized:
    """Show what an hour earned and cost; what is not known is left out."""
    start, end = span_of(context)
    return dg.MaterializeResult(metadata=_metadata_of(reports.get().read_earnings_step().run(start, end)))


def _metadata_of(report: EarningsReport) -> Metadata:
    known: dict[str, float | None] = {
        "alpha": report.income.alpha if report.income.hours_read else None,
        "tao": report.income.tao,
        "income": report.income_money,
        "cost": report.cost,
        "profit": report.profit,
        "cost_per_accepted": report.cost_per_accepted,
        "gpu_hours": report.gpu_hours,
        "busy_share": report.busy_share,
        "hours_read": report.income.hours_read,
    }
    metadata: Metadata = {name: round(value, 6) for name, value in known.items() if value is not None}
    metadata |= {"accepted": report.total.usage.accepted, "currency": report.prices.currency}
    if report.neuron is not None:
        metadata["neuron"] = describe_neuron(report.neuron)
    if report.deregistration is not None:
        metadata["warning"] = report.deregistration
    return metadata


earnings_report = report_asset(
    REPORTS["earnings"],
    name="earnings_report",
    deps=[earnings],
    description="What each hour of a day earned and cost.",
    shown=("hour", "alpha", "tao", "income", "cost", "profit", "accepted", "cost_per_accepted", "rank"),
)
