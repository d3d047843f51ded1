"""How long statistics, checks, reports and gallery pages take over a store of a million tasks.

Each measure runs in a process of its own over one store that is filled once; times are the first pass,
since the schedule starts a process each time; the peak is that of the process, Dagster included.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MEGABYTE = 1e6
DAYS = 100
_CHUNK = 20_000
_VALIDATORS = 8
MINER = "5MinerMinerMinerMinerMinerMinerMinerMinerMinerMi"
ASSETS = ("task_table", "mining_statistics", "validator_stats", "reward_report", "task_report")
CHECKS = (
    "no_task_is_stuck",
    "no_duplicate_was_generated",
    "submissions_have_feedback",
    "scores_do_not_drift",
    "statistics_agree",
)
PAGES = {
    "gallery: start page": "/",
    "gallery: newest": "/models",
    "gallery: text that is rare": "/models?text=vase+777777",
    "gallery: text that is not there": "/models?text=xyzzy",
    "gallery: a day of one validator": "/models?validator=5Validator3&score=0.8&day=",
}


def fill(folder: Path, tasks: int) -> None:
    """Fill the folder's store with so many tasks, evenly over the last `DAYS` days."""
    from sqlalchemy import insert

    from trellis_assets.adapters.storage.models import PollRow, RecentPromptRow, TaskRow, ValidatorRow
    from trellis_assets.adapters.storage.store import open_store

    store = open_store(f"sqlite:///{folder / 'trellis.db'}")
    now = datetime.now(UTC)
    store.sessions.start(now - timedelta(days=DAYS), {})
    received = dict.fromkeys(range(_VALIDATORS), 0)
    accepted = dict.fromkeys(range(_VALIDATORS), 0)
    back = dict.fromkeys(range(_VALIDATORS), 0)
    with store.engine.begin() as connection:
        for rows in chunks(tasks, now):
            connection.execute(insert(TaskRow), rows)
            recent = [prompt_of(row) for row in rows if row["pulled_at"] > now - timedelta(days=1)]
            if recent:
                connection.execute(insert(RecentPromptRow), recent)
            for row in rows:
                received[row["validator_uid"]] += 1
                accepted[row["validator_uid"]] += row["state"] == "accepted"
                back[row["validator_uid"]] += row["state"] == "handed_back"
        connection.execute(
            insert(ValidatorRow),
            [
                {
                    "hotkey": f"5Validator{uid}",
                    "uid": uid,
                    "ip": "127.0.0.1",
                    "port": 9000 + uid,
                    "stake": 1000.0 * uid,
                    "trust": 1.0,
                    "consensus": 1.0,
                    "validator_permit": True,
                    "is_listed": True,
                    "saved_at": now,
                }
                for uid in range(_VALIDATORS)
            ],
        )
        connection.execute(
            insert(PollRow),
            [
                {
                    "miner_hotkey": MINER,
                    "hotkey": f"5Validator{uid}",
                    "cooldown_violations": 0,
                    "total_pulls": received[uid] * 3,
                    "total_tasks_received": received[uid],
                    "total_tasks_submitted": accepted[uid],
                    "total_successful_submissions": accepted[uid],
                    "total_handed_back": back[uid],
                }
                for uid in range(_VALIDATORS)
            ],
        )
    store.close()


def chunks(tasks: int, now: datetime) -> Iterator[list[dict[str, Any]]]:
    """Yield rows of the task table: of ten, eight accepted, one handed back, one failed; most validated."""
    start, step = now - timedelta(days=DAYS), timedelta(days=DAYS) / tasks
    for first in range(0, tasks, _CHUNK):
        yield [row_of(n, start + step * n) for n in range(first, min(first + _CHUNK, tasks))]


def row_of(number: int, pulled: datetime) -> dict[str, Any]:
    """Return the row of a finished task with every column, as a bulk insert wants."""
    kind = number % 10
    state = "handed_back" if kind == 0 else "failed" if kind == 1 else "accepted"
    made, won = kind != 0, state == "accepted"
    score = 0.6 + (number * 7919 % 1000) / 2500
    second = timedelta(seconds=1)
    return {
        "key": number + 1,
        "task_id": f"task-{number}",
        "miner_hotkey": MINER,
        "validator_uid": number % _VALIDATORS,
        "validator_hotkey": f"5Validator{number % _VALIDATORS}",
        "validator_stake": 5000.0,
        "kind": "text",
        "prompt": f"a glazed ceramic vase {number} with a long thin neck and blue flowers",
        "prompt_sha256": f"{number:064x}",
        "validation_threshold": 0.6,
        "throttle_s": 30,
        "session_id": 1,
        "state": state,
        "reason": "duplicate: of an earlier task" if kind == 0 else "no server" if kind == 1 else None,
        "attempt": 1,
        "pulled_at": pulled,
        "generation_started_at": pulled + second if made else None,
        "generated_at": pulled + 3 * second if made else None,
        "validated_at": pulled + 4 * second if made else None,
        "submitted_at": pulled + 4 * second,
        "finished_at": pulled + 5 * second,
        "generation_s": 2.0 + score if made else None,
        "validation_s": 0.5 if made else None,
        "submission_s": 0.7,
        "generator": "embedded 2" if made else None,
        "seed": number,
        "splat_count": 32_000 if made else None,
        "spz_path": f"models/{number}.spz" if made else None,
        "spz_size": 400_000 if made else None,
        "spz_sha256": f"{number:064x}" if made else None,
        "local_validator": "embedded 2" if made else None,
        "local_score": score if made else None,
        "local_parts": {"iqa": score} if made else None,
        "failed_checks": [] if made else None,
        "submission_kind": "result" if won else "hand_back",
        "submission_attempt": 1,
        "submission_outcome": state,
        "feedback_at": pulled + 5 * second if won else None,
        "validation_failed": False if won else None,
        "task_fidelity_score": score if won else None,
        "average_fidelity_score": 0.8 if won else None,
        "generations_within_the_window": 7 if won else None,
        "current_duel_rating": 1500.0 if won else None,
        "current_miner_reward": 1000.0 * score if won else None,
    }


def prompt_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of the prompt table."""
    return {
        "task_key": row["key"],
        "miner_hotkey": MINER,
        "validator_hotkey": row["validator_hotkey"],
        "prompt_sha256": row["prompt_sha256"],
        "seen_at": row["pulled_at"],
    }


def work_of(name: str, folder: Path) -> Callable[[], object]:
    """Return the function to time for a measure, with everything that it needs loaded."""
    from trellis_assets.composition import Pipeline
    from trellis_assets.settings import Settings

    pipeline = Pipeline(Settings.load(data_dir=folder))
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    if name in CHECKS:
        step = pipeline.maintenance.check_consistency_step()
        check: Callable[[], object] = getattr(step, name)
        return check
    if name in PAGES:
        from starlette.testclient import TestClient

        from trellis_assets.servers.gallery.app import gallery_app

        client = TestClient(gallery_app(pipeline.reports.gallery_parts()))
        address = PAGES[name] + (yesterday if PAGES[name].endswith("day=") else "")
        return lambda: client.get(address).raise_for_status()
    if name == "trellis-assets report tasks, all as Parquet":
        from trellis_assets.reports.files import write_report

        ends = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)
        return lambda: write_report(pipeline.ledger, "tasks", *ends, folder / "all.parquet")
    import dagster as dg

    from trellis_assets.definitions import defs

    asset = defs.get_assets_def(name)
    day = yesterday if asset.partitions_def else None
    resources = dict(defs.resources) if defs.resources else {}
    return lambda: dg.materialize([asset], resources=resources, partition_key=day)


def measure(name: str, folder: Path) -> None:
    """Print one measure as a JSON line."""
    work = work_of(name, folder)
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    sys.stdout.write(json.dumps({"measure": name, "seconds": took, "peak_mb": peak}) + "\n")


def main(tasks: int = 1_000_000) -> list[dict[str, float | str]]:
    """Return all measures, each from a process of its own."""
    names = [*ASSETS, *CHECKS, *PAGES, "trellis-assets report tasks, all as Parquet"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        # OtherMinerDemand too: a child's peak counts from its parent's.
        subprocess.run([sys.executable, __file__, "--folder", folder, "--tasks", str(tasks)], check=True)
        for name in names:
            command = [sys.executable, __file__, "--name", name, "--folder", folder]
            environment = os.environ | {"TRELLIS_DATA_DIR": folder}
            done = subprocess.run(command, capture_output=True, check=True, env=environment)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    given = parser.parse_args()
    if given.name:
        measure(given.name, given.folder)
    elif given.folder:
        fill(given.folder, given.tasks)
    else:
        sys.stdout.write("\n".join(json.dumps(row) for row in main(given.tasks)) + "\n")
