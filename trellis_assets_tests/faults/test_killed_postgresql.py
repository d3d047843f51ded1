"""A PostgreSQL server that is killed by SIGKILL in the middle of commits, again and again."""

import multiprocessing
import random
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import reduce
from pathlib import Path

import pytest

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.consistency import judge_counts
from trellis_assets.domain.feedback import moving_average
from trellis_assets.domain.tasks import TaskState
from trellis_assets.testing.postgres_server import PostgresServer
from trellis_assets_tests.faults.store_writers import FIDELITY, Acknowledged, write_until

pytestmark = [pytest.mark.postgresql_only, pytest.mark.faults_long]
PROCESSES, THREADS, KILLS = 2, 4, 8


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_server_loses_nothing_acknowledged_and_counts_nothing_twice(tmp_path: Path, seed: int) -> None:
    server, stop, chance = PostgresServer(is_durable=True), tmp_path / "stop", random.Random(seed)
    try:
        url = server.migrated_database()
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(PROCESSES, mp_context=spawned) as pool:
            writers = [pool.submit(write_until, stop, url, n, THREADS) for n in range(PROCESSES)]
            try:
                _wait_for_tasks(server, url, at_least=1)
                for _ in range(KILLS):
                    time.sleep(chance.uniform(0.05, 0.8))
                    server.kill()
                    time.sleep(chance.uniform(0.0, 0.3))
                    server.start()
                    # Progress between two kills, or the next one would interrupt nothing.
                    _wait_for_tasks(server, url, at_least=1 + _count(server, url))
            finally:
                stop.touch()
            told = [one for writer in writers for one in writer.result(timeout=90)]
        _compare(url, told)
    finally:
        server.close()


def _compare(url: str, told: list[Acknowledged]) -> None:
    assert sum(one.errors for one in told) >= 1, "no kill met a call: nothing was tried"
    store = open_store(url)
    try:
        rows = store.tasks.in_states(set(TaskState))
        names = Counter(task.task_id for task in rows)
        assert max(names.values()) == 1, "a task was stored twice"
        by_name = {task.task_id: task for task in rows}
        for one in told:
            assert {name: by_name[name].key for name in one.arrived} == one.arrived
            assert {name: by_name[name].run_id for name in one.claimed} == one.claimed
            assert {by_name[name].state for name in one.accepted} <= {TaskState.ACCEPTED}
            assert all(by_name[name].feedback is not None for name in one.accepted)
        accepted = sum(task.state is TaskState.ACCEPTED for task in rows)
        (counters,) = store.statistics.validator_counters()
        assert counters.total_tasks_received == len(rows)
        assert counters.total_tasks_submitted == counters.total_successful_submissions == accepted
        folded: float | None = reduce(lambda mean, _: moving_average(mean, FIDELITY), range(accepted), None)
        assert counters.average_score == pytest.approx(folded)
        assert judge_counts(store.consistency.counters_and_rows()).passed
    finally:
        store.close()


def _count(server: PostgresServer, url: str) -> int:
    ((count,),) = server.sql("SELECT count(*) FROM tasks WHERE finished_at IS NOT NULL", database=_name(url))
    assert isinstance(count, int)
    return count


def _wait_for_tasks(server: PostgresServer, url: str, at_least: int) -> None:
    deadline = time.monotonic() + 60
    while _count(server, url) < at_least:
        assert time.monotonic() < deadline, "the writers make no progress"
        time.sleep(0.05)


def _name(url: str) -> str:
    return url.rpartition("/")[2]
