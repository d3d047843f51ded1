"""What a chaos run leaves behind, as plain values for the audit."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg

from trellis_assets.adapters.local_subnet.state import read_decisions
from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets_tests.end_to_end.chaos.cluster import Cluster
from trellis_assets_tests.end_to_end.chaos.roles import Role
from trellis_assets_tests.end_to_end.chaos.service import Ended

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill that was carried out. Times are unix seconds.

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
    """Validators' log, store, audit log, kills and Dagster's runs in progress of one chaos run.

    Attributes:
        ended: services that did so by themselves, while they were to serve.
    """

    decisions: Sequence[Line]
    tasks: Sequence[Task]
    trail: Sequence[Line]
    kills: Sequence[Kill]
    open_runs: Sequence[str] = ()
    left_processes: Sequence[str] = ()
    server_log: Sequence[str] = ()
    ended: Sequence[Ended] = ()


def read_trail(folders: Iterable[Path]) -> list[Line]:
    """Return the audit logs of all processes in order of time, with `at` in unix seconds."""
    lines = []
    for path in (path for folder in folders for path in folder.glob("trellis.jsonl*")):
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
                line["at"] = datetime.fromisoformat(line["time"]).timestamp()
            except (json.JSONDecodeError, KeyError, TypeError):
                continue
            lines.append(line)
    return sorted(lines, key=lambda line: float(line["at"]))


def read_tasks(store_url: str) -> list[Task]:
    """Return every row of the store."""
    store = open_store(store_url)
    try:
        return store.tasks.in_states(set(TaskState))
    finally:
        store.close()


def runs_in_progress(cluster: Cluster) -> list[str]:
    """Return the runs that Dagster's UI would show as running or starting, with their job."""
    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    home = cluster.miner.folder / "dagster"
    with patch.dict(os.environ, cluster.secrets), dg.DagsterInstance.from_config(str(home)) as instance:
        found = instance.get_runs(dg.RunsFilter(statuses=statuses))
    return [f"{run.job_name} {run.run_id}" for run in found]


def collect(
    cluster: Cluster, subnet: Path, kills: Sequence[Kill], *, ghosts: Sequence[str], left: Sequence[str]
) -> Evidence:
    """Return the evidence, once only broker and database run.

    Args:
        cluster: with everything that it has written.
        subnet: the validators' data folder.
        kills: as carried out.
        ghosts: runs that stood in progress while the miner was at work.
        left: processes that outlived the miner's own end, and services that ended badly.
    """
    server_log = cluster.miner.folder / "logs" / "server.log"
    return Evidence(
        decisions=read_decisions(subnet / "subnet" / "validators.jsonl"),
        tasks=read_tasks(cluster.store_url),
        trail=read_trail(cluster.logs),
        kills=kills,
        open_runs=[*ghosts, *runs_in_progress(cluster)],
        left_processes=left,
        server_log=server_log.read_text(encoding="utf-8").splitlines() if server_log.exists() else (),
        ended=cluster.ended,
    )
