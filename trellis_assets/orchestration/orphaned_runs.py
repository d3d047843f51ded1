"""Runs of a Dagster home whose processes are gone."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from trellis_assets.orchestration.run_tags import TASK_TAG
from trellis_assets.orchestration.warm_workers.pid_files import worker_of

_IN_PROGRESS = [
    # Created, and its creator died before it was launched.
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run whose process is gone, and the task it worked on, if it was a mining run."""

    run_id: str
    task_key: int | None


def close_dead_runs(home: Path) -> list[DeadRun]:
    """Runs that a killed miner left in progress are marked failed, so that they hold no place.

    Call it only while nothing of this home starts runs. A worker may have outlived what started it:
    its run is left to it.

    Returns:
        Those that were closed: what they had claimed may be released.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS))
        dead = [run for run in runs if worker_of(home, run.run_id) is None]
        for run in dead:
            instance.report_run_failed(run, "the miner was killed; the task is taken up by another run")
        return [DeadRun(run.run_id, _task_of(run)) for run in dead]


def dead_claims(home: Path, claims: Iterable[tuple[int, str]]) -> list[DeadRun]:
    """Return those claims whose runs are of this home and have no process, whatever their state in Dagster.

    A killed worker leaves its task claimed, and the endpoint that the task held, until their leases end.

    Args:
        home: as for `close_dead_runs`.
        claims: task keys with the ids of the runs that hold them.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return [
            DeadRun(run_id, key)
            for key, run_id in claims
            if worker_of(home, run_id) is None and instance.has_run(run_id)
        ]


def _task_of(run: dg.DagsterRun) -> int | None:
    key = run.tags.get(TASK_TAG, "")
    return int(key) if key.isdecimal() else None
