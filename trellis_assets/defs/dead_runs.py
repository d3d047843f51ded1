"""Runs of a Dagster home whose processes are gone."""

from pathlib import Path

import dagster as dg

from trellis_assets.defs.run_workers.marks import worker_of

_IN_PROGRESS = [
    # Created, and its creator died before it was launched.
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def close_dead_runs(home: Path) -> int:
    """Runs that a killed miner left in progress are marked failed, so that they hold no place.

    Call it only while nothing of this home starts runs. A worker may have outlived what started it:
    its run is left to it.

    Returns:
        How many were closed.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS))
        dead = [run for run in runs if worker_of(home, run.run_id) is None]
        for run in dead:
            instance.report_run_failed(run, "the miner was killed; the task is taken up by another run")
        return len(dead)
