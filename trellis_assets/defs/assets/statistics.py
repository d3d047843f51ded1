"""Statistics of mining as a whole, and of each validator."""

from datetime import timedelta
from typing import Any

import dagster as dg

from trellis_assets.defs.assets.tasks import submissions, task_table
from trellis_assets.defs.metadata import (
    OWNERS,
    Materialized,
    chart_metadata,
    column_schema,
    records_table,
    report_links,
    small_table,
)
from trellis_assets.defs.resources import ReportsResource
from trellis_assets.domain.columns.other_columns import VALIDATOR_COLUMNS
from trellis_assets.domain.statistics import StatisticsSnapshot, standing, sum_of
from trellis_assets.domain.statistics_export import performance, to_json

# The schedule runs every ten minutes: one that was missed warns, two fail.
_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(minutes=35), warn_window=timedelta(minutes=25))
_ENDPOINT = ("state", "generations", "failures", "recent_generation_time", "busy_share", "last_error")
# The names of the first miner's JSON would be taken for income.
_LABELS = {"total_rewards": "standing", "rewards_per_hour": "standing_change_per_hour"}
_MINER = ("tasks_pulled", "tasks_processed", "successful_submissions", "in_flight")
# What matters first; the 48 characters of our own hotkey tell nothing to an operator with one miner.
_SHOWN = (
    "uid",
    "total_successful_submissions",
    "average_score",
    "last_reward",
    "success_rate",
    "total_tasks_submitted",
    "total_handed_back",
    "last_outcome",
    "last_task_received",
    "stake",
    "miner_hotkey",
)


@dg.asset(
    deps=[task_table, submissions],
    group_name="mining",
    kinds={"json"},
    owners=OWNERS,
    freshness_policy=_FRESH,
    description="How mining goes, in the session and since the beginning: counts, standings, rates, times of "
    "each stage. Every materialisation is kept in the store and written as JSON to the reports folder.",
)
def mining_statistics(reports: ReportsResource) -> Materialized:
    """Write the statistics as a snapshot to the store and as JSON to a file."""
    parts = reports.get()
    snapshot, path = parts.export_statistics_step().run()
    download = f"{parts.gallery_address}/statistics/{path.name}"
    totals = snapshot.totals
    return dg.MaterializeResult(
        metadata={
            "tasks_processed": totals.tasks_processed,
            "in_flight": totals.in_flight,
            "idle_validations": totals.idle_validations,
            "miners": _miner_table(snapshot),
            "endpoints": _endpoint_table(snapshot),
            **{_LABELS.get(name, name): round(value, 4) for name, value in performance(snapshot).items()},
            "download": dg.MetadataValue.url(download),
            "file": dg.MetadataValue.path(str(path)),
        }
    )


def _endpoint_table(snapshot: StatisticsSnapshot) -> dg.MetadataValue[Any]:
    """Return a row for each generation endpoint that was ever used."""
    stats = to_json(snapshot)["endpoint_stats"]
    return records_table(
        {"endpoint": name} | {key: of[key] for key in _ENDPOINT} for name, of in stats.items()
    )


def _miner_table(snapshot: StatisticsSnapshot) -> dg.MetadataValue[Any]:
    """Return a row for each miner of the store since the beginning, and one for all of them together."""
    rows = [*snapshot.miners.items(), ("all", sum_of(snapshot.miners.values()))]
    return records_table(
        {"miner_hotkey": name}
        | {key: getattr(of, key) for key in _MINER}
        | {"standing": standing(v for v in snapshot.validators if name in {v.miner_hotkey, "all"})}
        for name, of in rows
    )


@dg.asset(
    deps=[task_table, submissions],
    group_name="mining",
    kinds={"parquet", "csv"},
    owners=OWNERS,
    freshness_policy=_FRESH,
    metadata=column_schema(VALIDATOR_COLUMNS),
    description="What each validator asked, accepted and paid, per miner, since the beginning: Parquet, CSV "
    "and a page in the reports folder.",
)
def validator_stats(reports: ReportsResource) -> Materialized:
    """Publish the validator report as of now, with charts of the last seven days."""
    from trellis_assets.reports.tables import validator_table

    parts = reports.get()
    now = parts.clock.now()
    published = parts.report_publisher().publish(
        "validators", now - timedelta(days=7), now, stem="validators"
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": published.rows,
            "validators": small_table(validator_table(parts.ledger), _SHOWN),
            **chart_metadata(published.charts),
            **report_links(parts.gallery_address, "validators", published),
        }
    )
