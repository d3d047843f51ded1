"""The task table, and the submissions that mining runs report."""

from datetime import timedelta

import dagster as dg

from trellis_assets.defs.assets.subnet import validators
from trellis_assets.defs.metadata import OWNERS, Materialized, Metadata, column_schema, small_table
from trellis_assets.defs.resources import StoreResource
from trellis_assets.domain.columns.task_columns import REPORTED_TASK_COLUMNS

_DAY = timedelta(days=1)
_SHOWN = ("key", "validator_uid", "state", "task_fidelity_score", "local_score", "kind", "prompt", "reason")

# Materialised by `mine_task_job`, one event per task that was answered.
submissions = dg.AssetSpec(
    "submissions",
    deps=["task_table"],
    group_name="mining",
    kinds={"bittensor", "spz"},
    owners=OWNERS,
    description="Results sent to validators. Each run of `mine_task_job` that was answered adds one: "
    "its model, its local score, and the validator's feedback.",
)


@dg.asset(
    deps=[validators],
    group_name="mining",
    kinds={"sql"},
    owners=OWNERS,
    metadata=column_schema(REPORTED_TASK_COLUMNS),
    description="Every task ever pulled, one row each, from its prompt to its feedback. Mining writes it; "
    "materialising it shows the current counts.",
)
def task_table(store: StoreResource) -> Materialized:
    """Show counts by state and the newest rows."""
    import pandas as pd

    parts = store.get()
    now = parts.clock.now()
    counts = parts.store.statistics.count_by_state()
    recent = parts.ledger.tasks(now - _DAY, now + timedelta(hours=1), newest=20)
    newest = pd.concat(list(recent)).iloc[::-1]
    metadata: Metadata = {"dagster/row_count": sum(counts.values())}
    metadata |= {f"tasks_{state}": count for state, count in sorted(counts.items())}
    metadata["newest"] = small_table(newest, _SHOWN)
    return dg.MaterializeResult(metadata=metadata)
