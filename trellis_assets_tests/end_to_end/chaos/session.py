"""One chaos run: subnet and miner start, the plan's kills are carried out, and evidence is collected."""

import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.tasks import FINAL_STATES
from trellis_assets.system.tcp_ports import free_port
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets_tests.end_to_end.chaos.cluster import Cluster, open_cluster
from trellis_assets_tests.end_to_end.chaos.evidence import Evidence, collect, runs_in_progress
from trellis_assets_tests.end_to_end.chaos.killer import Killer
from trellis_assets_tests.end_to_end.chaos.plan import WEIGHTS, WEIGHTS_WITH_WORKERS, plan_kills
from trellis_assets_tests.end_to_end.chaos.subnet import make_wallet, witnesses

# Nothing ended for so long: the miner stands still, and the audit shall say on what.
STILL_S = 240.0
STOP_TIMEOUT_S = 150.0
# Dagster closes runs of dead workers within this time, and those that a dead Celery worker had taken from
# the broker and not begun when its `start_timeout_seconds` have passed.
RUNS_SETTLE_S, RUNS_LOST_S = 45.0, 180.0


@dataclass(frozen=True, slots=True)
class Chaos:
    """The size of a chaos run. With Celery `workers`, over PostgreSQL and Redis."""

    tasks: int
    kills: int
    seed: int
    validators: int = 6
    answer_delay_s: float = 0.5
    workers: int = 0


def run_chaos(chaos: Chaos, folder: Path, say: Callable[[str], None]) -> Evidence:
    """Run, and return what the run left behind. No process of it is alive afterwards."""
    subnet = folder / "subnet"
    hotkey = make_wallet(folder / "wallets")
    weights = WEIGHTS_WITH_WORKERS if chaos.workers else WEIGHTS
    plan = plan_kills(chaos.seed, chaos.kills, chaos.tasks, weights)
    with ExitStack() as stack:
        validators = witnesses(
            *(subnet, [hotkey], clean_environment()),
            validators=chaos.validators,
            answer_delay_s=chaos.answer_delay_s,
        )
        metagraph = stack.enter_context(validators)
        cluster = stack.enter_context(open_cluster(folder, _settings(folder, metagraph), chaos.workers))
        cluster.start()

        def wait_finished(wanted: int) -> bool:
            return _wait_finished(cluster, wanted, say)

        kills = Killer(cluster, random.Random(chaos.seed), wait_finished, say).carry_out(plan)
        wait_finished(chaos.tasks)
        ghosts = _ghosts(cluster)
        left = _stop(cluster)
        return collect(cluster, subnet, kills, ghosts=ghosts, left=left)


def _stop(cluster: Cluster) -> list[str]:
    """End everything as an operator does, and return in words what did not end."""
    bad = cluster.miner.stop(signal.SIGINT, STOP_TIMEOUT_S)
    # What they have in hand, such as a picture for the run's page, comes to its end.
    for worker in cluster.workers:
        bad += worker.stop(signal.SIGTERM, STOP_TIMEOUT_S)
    return bad + [f"{role} {process.pid}" for process, role in cluster.members()]


def _settings(folder: Path, metagraph: Path) -> dict[str, str]:
    return {
        "TRELLIS_NETWORK": f"file:{metagraph}",
        "TRELLIS_WALLET_PATH": str(folder / "wallets"),
        "TRELLIS_PULL_INTERVAL_S": "2",
        "TRELLIS_ERROR_BACKOFF_S": "5",
        "TRELLIS_GENERATOR_URLS": f"http://127.0.0.1:{free_port()}",
        "TRELLIS_STOP_TIMEOUT_S": str(STOP_TIMEOUT_S - 30),
    }


def finished_tasks(cluster: Cluster) -> int:
    """Return how many tasks have a final state."""
    if not cluster.has_store:
        return 0
    store = open_store(cluster.store_url)
    try:
        return sum(
            count for state, count in store.statistics.count_by_state().items() if state in FINAL_STATES
        )
    finally:
        store.close()


def _wait_finished(cluster: Cluster, wanted: int, say: Callable[[str], None]) -> bool:
    """Wait until so many tasks have ended; return False if the miner makes no progress."""
    last, since = -1, time.monotonic()
    while (finished := finished_tasks(cluster)) < wanted:
        if finished != last:
            last, since = finished, time.monotonic()
            if finished % 10 == 0:
                say(f"{finished} tasks have ended")
        cluster.revive()
        if time.monotonic() - since > STILL_S:
            say(f"the miner stands still at {finished} of {wanted} tasks")
            return False
        time.sleep(1.0)
    return True


def _ghosts(cluster: Cluster) -> list[str]:
    """Return runs in progress that were so for longer than a task takes, while nothing is killed."""
    before = set(runs_in_progress(cluster))
    deadline = time.monotonic() + (RUNS_LOST_S if cluster.workers else RUNS_SETTLE_S)
    while before and time.monotonic() < deadline:
        time.sleep(1.0)
        before &= set(runs_in_progress(cluster))
    return sorted(before)
