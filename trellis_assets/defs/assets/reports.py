"""Reports of each day: files to download, charts, and figures that Dagster plots over the days."""

from collections.abc import Sequence
from itertools import islice

import dagster as dg

from trellis_assets.defs.assets.statistics import validator_stats
from trellis_assets.defs.assets.tasks import submissions, task_table
from trellis_assets.defs.metadata import (
    OWNERS,
    Materialized,
    chart_metadata,
    column_schema,
    report_links,
    small_table,
)
from trellis_assets.defs.partitions import days, span_of
from trellis_assets.defs.resources import ReportsResource
from trellis_assets.reports.period import ReportPeriod
from trellis_assets.reports.report import Report
from trellis_assets.reports.tables import REPORTS


def report_asset(
    report: Report,
    *,
    name: str,
    deps: Sequence[dg.AssetsDefinition | dg.AssetSpec],
    description: str,
    shown: Sequence[str],
    group: str = "reports",
) -> dg.AssetsDefinition:
    """Return the asset that publishes a report of each day.

    Args:
        report: what is published.
        name: of the asset.
        deps: what the report is made from.
        description: what the asset page says.
        shown: columns of the first rows that the asset page shows, those that matter first.
        group: of assets.
    """

    @dg.asset(
        name=name,
        deps=deps,
        partitions_def=days,
        group_name=group,
        kinds={"parquet", "csv"},
        owners=OWNERS,
        metadata=column_schema(report.columns),
        description=f"{description} Parquet, CSV and a page with charts.",
    )
    def publish(context: dg.AssetExecutionContext, reports: ReportsResource) -> Materialized:
        parts = reports.get()
        start, end = span_of(context)
        day = context.partition_key
        published = parts.report_publisher().publish(report.name, start, end, stem=day)
        gallery = parts.gallery_address
        (head,) = islice(report.rows(ReportPeriod(parts.ledger, start, end)), 1)
        return dg.MaterializeResult(
            metadata={
                "dagster/partition_row_count": published.rows,
                "rows": small_table(head, shown),
                **chart_metadata(published.charts),
                **report_links(gallery, report.name, published, days=(day, day)),
            }
        )

    return publish


reward_report = report_asset(
    REPORTS["rewards"],
    name="reward_report",
    deps=[submissions, validator_stats],
    description="What a day's tasks brought, per miner and validator.",
    shown=("validator_uid", "accepted", "mean_fidelity", "standing", "standing_change", "rejected", "tasks"),
)

task_report = report_asset(
    REPORTS["tasks"],
    name="task_report",
    deps=[task_table],
    description="A day's rows of the task table.",
    shown=("key", "validator_uid", "state", "task_fidelity_score", "local_score", "prompt", "reason"),
)
