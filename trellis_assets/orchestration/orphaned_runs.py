"""Find and close orphaned runs: those of a Dagster home whose processes are gone."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from trellis_assets.orchestration.run_tags import TASK_TAG
from trellis_assets.orchestration.warm_workers.pid_files import worker_pid

_IN_PROGRESS = [
    # Created, and its creator died before it was launched.
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True, slots=True)
class OrphanedRun:
    """A run whose process is gone, and its task if it was a mining run."""

    run_id: str
    task_key: int | None


def close_orphaned_runs(home: Path) -> list[OrphanedRun]:
    """Mark runs that a killed miner left in progress as failed, so that they take no place in the queue.

    Call it only while nothing of this home starts runs. A run whose worker outlived the miner is left alone.

    Returns:
        The closed runs: what they had claimed may be released.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS))
        orphaned = [run for run in runs if worker_pid(home, run.run_id) is None]
        for run in orphaned:
            instance.report_run_failed(run, "the miner was killed; another run takes over the task")
        return [OrphanedRun(run.run_id, _task_of(run)) for run in orphaned]


def orphaned_claims(home: Path, claims: Iterable[tuple[int, str]]) -> list[OrphanedRun]:
    """Return the claims whose runs are of this home and have no process, whatever their state in Dagster.

    A killed worker leaves its task, and the endpoint slot of the task, claimed until their leases end.

    Args:
        home: as for `close_orphaned_runs`.
        claims: task keys with the ids of the runs that hold them.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return [
            OrphanedRun(run_id, key)
            for key, run_id in claims
            if worker_pid(home, run_id) is None and instance.has_run(run_id)
        ]


def _task_of(run: dg.DagsterRun) -> int | None:
    key = run.tags.get(TASK_TAG, "")
    return int(key) if key.isdecimal() else None
