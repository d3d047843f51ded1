"""Reports of a day, to download."""

import dagster as dg

from trellis_assets.defs.assets.statistics import validator_stats
from trellis_assets.defs.assets.tasks import submissions, task_table
from trellis_assets.defs.metadata import OWNERS, Materialized, column_schema
from trellis_assets.defs.partitions import days, span_of
from trellis_assets.defs.resources import ReportsResource
from trellis_assets.reports.columns import COLUMN_TYPES, REWARD_COLUMNS, TASK_COLUMNS

_FORMS = ("parquet", "csv", "html")


def _publish(context: dg.AssetExecutionContext, reports: ReportsResource, name: str) -> Materialized:
    parts = reports.get()
    start, end = span_of(context)
    day = context.partition_key
    rows, files = parts.publish_report_step().run(name, start, end, stem=day, forms=_FORMS)
    page = f"{parts.gallery_address}/report?name={name}&form=html&since={day}&until={day}"
    paths = {form: dg.MetadataValue.path(str(path)) for form, path in files.items()}
    return dg.MaterializeResult(
        metadata={"dagster/partition_row_count": rows, "page": dg.MetadataValue.url(page), **paths}
    )


@dg.asset(
    deps=[submissions, validator_stats],
    partitions_def=days,
    group_name="reports",
    kinds={"parquet", "csv"},
    owners=OWNERS,
    metadata=column_schema(REWARD_COLUMNS, COLUMN_TYPES),
    description="What a day's tasks brought, per miner and validator: Parquet, CSV and a page with charts.",
)
def reward_report(context: dg.AssetExecutionContext, reports: ReportsResource) -> Materialized:
    """The day's rewards are in the reports folder."""
    return _publish(context, reports, "rewards")


@dg.asset(
    deps=[task_table],
    partitions_def=days,
    group_name="reports",
    kinds={"parquet", "csv"},
    owners=OWNERS,
    metadata=column_schema(TASK_COLUMNS, COLUMN_TYPES),
    description="A day's rows of the task table: Parquet, CSV and a page with charts.",
)
def task_report(context: dg.AssetExecutionContext, reports: ReportsResource) -> Materialized:
    """The day's tasks are in the reports folder."""
    return _publish(context, reports, "tasks")
