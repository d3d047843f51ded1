"""Runs of a Dagster home whose processes are all gone."""

from pathlib import Path

import dagster as dg

_IN_PROGRESS = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def close_dead_runs(home: Path) -> int:
    """Runs that a killed miner left in progress are marked failed, so that they hold no place.

    Call it only while no process of this home runs: then no run can be alive.

    Returns:
        How many there were.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS))
        for run in runs:
            instance.report_run_failed(run, "the miner was killed; the task is taken up by another run")
        return len(runs)
