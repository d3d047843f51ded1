"""Delete old runs of Dagster, whose history would grow by a quarter of a megabyte with every run."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PARTITION_TAGS = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A run that begins has files before it is in Dagster's table.
_YOUNG_S = 3600
# Runs that are read at a time.
_PAGE = 500


def prune_runs(instance: dg.DagsterInstance, home: Path, keep: int) -> int:
    """Delete finished runs with their files, but for the newest `keep` of each job; return how many.

    The newest run of a partition is kept whatever its age: without it the partition would show as missing.

    Args:
        instance: whose runs.
        home: the folder of Dagster's storage, logs and results.
        keep: how many runs of each job are kept.
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


def sweep_leftovers(instance: dg.DagsterInstance, home: Path) -> int:
    """Delete what runs left on disk that Dagster no longer knows; return how many such runs there were.

    Deleting a run in the UI leaves its database, its printed output and its results.
    """
    before = time.time() - _YOUNG_S
    found = {run_id for run_id, path in _on_disk(home) if path.stat().st_mtime < before}
    unknown: set[str] = set()
    listed = sorted(found)
    for start in range(0, len(listed), _PAGE):
        some = listed[start : start + _PAGE]
        known = {run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=some))}
        unknown |= set(some) - known
    for run_id in unknown:
        _delete_files(home, run_id)
    return len(unknown)


def _on_disk(home: Path) -> Iterator[tuple[str, Path]]:
    """Yield the id of each run that has files, with one of their paths."""
    places = (home / "storage" / "history" / "runs", home / "storage", home / "compute_logs")
    for place in places:
        for path in place.iterdir() if place.is_dir() else ():
            name = path.name.partition(".")[0]
            if _RUN_ID.fullmatch(name):
                yield name, path


def _delete(instance: dg.DagsterInstance, home: Path, run_id: str) -> None:
    instance.delete_run(run_id)
    _delete_files(home, run_id)


def _delete_files(home: Path, run_id: str) -> None:
    # Dagster itself leaves the run's database, its printed output and its ops' results.
    for path in (home / "storage" / "history" / "runs").glob(f"{run_id}.db*"):
        path.unlink(missing_ok=True)
    for folder in (home / "storage" / run_id, home / "compute_logs" / run_id):
        shutil.rmtree(folder, ignore_errors=True)
