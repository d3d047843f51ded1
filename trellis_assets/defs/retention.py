"""Dagster's own history: it grows by a quarter of a megabyte with every run, for ever."""

import shutil
from pathlib import Path

import dagster as dg

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PARTITION_TAGS = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)
# Runs of so many are looked at in one go.
_PAGE = 500


def prune_runs(instance: dg.DagsterInstance, home: Path, keep: int) -> int:
    """How many finished runs beyond the newest `keep` of each job were deleted, with all they left.

    The newest run of a partition stays whatever its age: with it the partition would look missing.

    Args:
        instance: whose runs.
        home: the folder that Dagster's storage, logs and results are in.
        keep: of each job.
    """
    deleted = 0
    seen: dict[str, int] = {}
    partitions: set[tuple[str, ...]] = set()
    cursor: str | None = None
    while True:
        runs = instance.get_runs(dg.RunsFilter(statuses=_FINISHED), cursor=cursor, limit=_PAGE)
        for run in runs:
            seen[run.job_name] = seen.get(run.job_name, 0) + 1
            partition = tuple(run.tags.get(tag, "") for tag in _PARTITION_TAGS)
            is_last = any(partition) and (run.job_name, *partition) not in partitions
            partitions.add((run.job_name, *partition))
            if seen[run.job_name] > keep and not is_last:
                _delete(instance, home, run.run_id)
                deleted += 1
        if len(runs) < _PAGE:
            return deleted
        cursor = runs[-1].run_id


def _delete(instance: dg.DagsterInstance, home: Path, run_id: str) -> None:
    instance.delete_run(run_id)
    # What Dagster leaves behind: the run's own database, its printed output, its ops' results.
    for path in (home / "storage" / "history" / "runs").glob(f"{run_id}.db*"):
        path.unlink(missing_ok=True)
    for folder in (home / "storage" / run_id, home / "compute_logs" / run_id):
        shutil.rmtree(folder, ignore_errors=True)
