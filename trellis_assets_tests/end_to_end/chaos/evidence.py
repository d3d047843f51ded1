"""What a chaos run leaves behind, as plain values for the audit."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from trellis_assets.adapters.local_subnet.state import read_decisions
from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets_tests.end_to_end.chaos.roles import Role

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kill:
    """One that was carried out. Times are unix seconds.

    Attributes:
        back_after_s: until a process with the role lived again; None: it never did. A worker has no
            successor of its own: 0.
    """

    at: float
    role: Role
    pids: tuple[int, ...]
    back_after_s: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one run: validators' log, store, audit trail, kills, runs that Dagster calls in progress."""

    decisions: Sequence[Line]
    tasks: Sequence[Task]
    trail: Sequence[Line]
    kills: Sequence[Kill]
    open_runs: Sequence[str] = ()
    left_processes: Sequence[str] = ()
    server_log: Sequence[str] = ()


def read_trail(logs: Path) -> list[Line]:
    """The audit trail in order of time, with `at` in unix seconds; half lines are left out."""
    lines = []
    for path in logs.glob("trellis.jsonl*"):
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
                line["at"] = datetime.fromisoformat(line["time"]).timestamp()
            except (json.JSONDecodeError, KeyError, TypeError):
                continue
            lines.append(line)
    return sorted(lines, key=lambda line: float(line["at"]))


def read_tasks(folder: Path) -> list[Task]:
    """Every row of the store."""
    store = open_store(f"sqlite:///{folder / 'trellis.db'}")
    try:
        return store.tasks_in(set(TaskState))
    finally:
        store.close()


def runs_in_progress(folder: Path) -> list[str]:
    """Runs that the Dagster UI would show as running or starting, with their job."""
    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    with dg.DagsterInstance.from_config(str(folder / "dagster")) as instance:
        return [f"{run.job_name} {run.run_id}" for run in instance.get_runs(dg.RunsFilter(statuses=statuses))]


def collect(
    miner: Path, subnet: Path, kills: Sequence[Kill], *, ghosts: Sequence[str], left: Sequence[str]
) -> Evidence:
    """All of it, once nothing runs any more.

    Args:
        miner: its data folder.
        subnet: the validators' data folder.
        kills: as carried out.
        ghosts: runs that stood in progress while the miner was at work.
        left: processes that outlived the miner's own end.
    """
    server_log = miner / "logs" / "server.log"
    return Evidence(
        decisions=read_decisions(subnet / "subnet" / "validators.jsonl"),
        tasks=read_tasks(miner),
        trail=read_trail(miner / "logs"),
        kills=kills,
        open_runs=[*ghosts, *runs_in_progress(miner)],
        left_processes=left,
        server_log=server_log.read_text(encoding="utf-8").splitlines() if server_log.exists() else (),
    )
