"""Warm workers with a real pool: runs end as Dagster's own do, and kills cost what they must."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import WorkerStatus
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin

from trellis_assets.domain.heartbeats import Stage
from trellis_assets.orchestration.dagster_home import dagster_home, write_dagster_home
from trellis_assets.orchestration.warm_workers.launcher import (
    PoolUnreachableError,
    is_pool_ready,
    why_pool_is_unreachable,
)
from trellis_assets.orchestration.warm_workers.pid_files import (
    hold_pid_file,
    remove_stale_pid_files,
    worker_pid,
)
from trellis_assets.orchestration.warm_workers.socket_path import short_socket_path
from trellis_assets.settings import Settings
from trellis_assets.system.heartbeat_files import read_heartbeat, write_heartbeat
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.orchestration.warm_workers.sleepy import defs

pytestmark = pytest.mark.xdist_group("run_workers")

# A folder deeper than a Unix socket's path may be long.
DEEP = "a folder that lies deeper than the path of a Unix socket may be long" * 2
MOST = 3


class Miner:
    """A Dagster home with its pool of run workers."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.options = options
        settings = Settings.load(data_dir=folder)
        write_dagster_home(settings, code_server_port=1)
        self.home = dagster_home(settings)
        self.instance = dg.DagsterInstance.from_config(str(self.home))
        self.start_pool()

    def start_pool(self) -> None:
        self.pool = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "trellis_assets.orchestration.warm_workers.pool",
                str(MOST),
                *self.options,
            ],
            env=os.environ | {"DAGSTER_HOME": str(self.home)},
        )
        wait_until(lambda: is_pool_ready(self.home))

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.pool.pid).children()

    def launch(
        self, seconds: float = 0.0, *, until: str = "", fails: bool = False, submits: bool = False
    ) -> str:
        pointer = ModuleCodePointer("trellis_assets_tests.orchestration.warm_workers.sleepy", "defs", None)
        repository = RepositoryPythonOrigin(sys.executable, pointer, entry_point=DEFAULT_DAGSTER_ENTRY_POINT)
        config = {"seconds": seconds, "until": until, "fails": fails, "submits": submits}
        run = self.instance.create_run_for_job(
            defs.get_repository_def().get_job("nap_job"),
            run_config={"ops": {"nap": {"config": config}}},
            job_code_origin=JobPythonOrigin("nap_job", repository),
        )
        self.instance.launch_run(run.run_id, None)  # type: ignore[arg-type]
        return run.run_id

    def run(self, run_id: str) -> dg.DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        return self.run(run_id).status

    def wait(self, run_id: str, status: dg.DagsterRunStatus) -> None:
        wait_until(lambda: self.status(run_id) is status)

    def wait_started(self, run_id: str) -> int:
        self.wait(run_id, dg.DagsterRunStatus.STARTED)
        pid = worker_pid(self.home, run_id)
        assert pid is not None
        return pid

    def worker(self, run_id: str) -> str:
        """Who executed the run, by its own log."""
        messages = [event.message for event in self.instance.all_logs(run_id)]
        return next(m.removeprefix("worker ") for m in messages if m.startswith("worker "))

    def close(self) -> None:
        family = [*self.workers(), psutil.Process(self.pool.pid)] if self.pool.poll() is None else []
        self.pool.terminate()
        self.pool.wait(60)
        gone, alive = psutil.wait_procs(family, timeout=30)
        self.instance.dispose()
        assert not alive, gone


@pytest.fixture(scope="module")
def miner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Miner]:
    opened = Miner(tmp_path_factory.mktemp("pool") / DEEP)
    yield opened
    opened.close()


SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
CANCELED = dg.DagsterRunStatus.CANCELED


def test_runs_succeed_or_fail_in_workers_that_live_on(miner: Miner) -> None:
    good, bad = miner.launch(), miner.launch(fails=True)
    miner.wait(good, SUCCESS)
    miner.wait(bad, FAILURE)
    later = [miner.launch() for _ in range(4)]
    for run_id in later:
        miner.wait(run_id, SUCCESS)
    assert {miner.worker(run_id) for run_id in later} <= {str(w.pid) for w in miner.workers()}
    assert "as it was told to" in "".join(str(e.dagster_event) for e in miner.instance.all_logs(bad))


def test_what_a_run_prints_is_kept_with_the_run(miner: Miner) -> None:
    run_id = miner.launch()
    miner.wait(run_id, SUCCESS)
    printed = [path.read_text() for path in (miner.home / "compute_logs" / run_id).rglob("*.out")]
    assert [f"printed by {miner.worker(run_id)}"] == [text.strip() for text in printed if text]


def test_more_runs_than_workers_wait_and_none_is_lost(miner: Miner) -> None:
    runs = [miner.launch(0.3) for _ in range(MOST * 2)]
    wait_until(lambda: len(miner.workers()) == MOST)
    for run_id in runs:
        miner.wait(run_id, SUCCESS)


def test_runs_that_wait_for_a_validators_answer_hold_up_no_other(miner: Miner) -> None:
    hanging = [miner.launch(60, submits=True) for _ in range(MOST)]
    for run_id in hanging:
        miner.wait_started(run_id)
    for _ in range(2):
        miner.wait(miner.launch(0.1), SUCCESS)
    assert all(miner.status(run_id) is dg.DagsterRunStatus.STARTED for run_id in hanging)
    for run_id in hanging:
        miner.instance.run_launcher.terminate(run_id)
        miner.wait(run_id, CANCELED)


def test_workers_beyond_the_usual_go_when_the_answers_have_come(
    miner: Miner,
) -> None:
    wait_until(lambda: len(miner.workers()) <= MOST)


def test_a_run_is_terminated_and_its_worker_takes_the_next(miner: Miner) -> None:
    run_id = miner.launch(60)
    pid = miner.wait_started(run_id)
    assert miner.instance.run_launcher.terminate(run_id)
    miner.wait(run_id, CANCELED)
    assert psutil.pid_exists(pid)
    again = miner.launch()
    miner.wait(again, SUCCESS)


def test_a_run_that_waits_for_a_worker_is_taken_out_of_the_queue(miner: Miner) -> None:
    busy = [miner.launch(60) for _ in range(MOST)]
    for run_id in busy:
        miner.wait_started(run_id)
    waiting = miner.launch(60)
    assert miner.instance.run_launcher.terminate(waiting)
    assert miner.status(waiting) is CANCELED
    for run_id in busy:
        miner.instance.run_launcher.terminate(run_id)
        miner.wait(run_id, CANCELED)


def test_a_killed_worker_is_replaced_and_its_run_is_known_to_be_dead(miner: Miner) -> None:
    run_id = miner.launch(60)
    pid = miner.wait_started(run_id)
    launcher = miner.instance.run_launcher
    assert launcher.check_run_worker_health(miner.run(run_id)).status is WorkerStatus.RUNNING
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: worker_pid(miner.home, run_id) is None)
    assert launcher.check_run_worker_health(miner.run(run_id)).status is WorkerStatus.NOT_FOUND
    again = miner.launch()
    miner.wait(again, SUCCESS)


def test_a_killed_pool_leaves_the_run_in_hand_to_its_end(miner: Miner, tmp_path: Path) -> None:
    released = tmp_path / "released"
    run_id = miner.launch(60, until=str(released))
    pid = miner.wait_started(run_id)
    idle = [w for w in miner.workers() if w.pid != pid]
    miner.pool.kill()
    miner.pool.wait()
    psutil.wait_procs(idle, timeout=30)
    assert not any(w.is_running() for w in idle)
    miner.start_pool()
    assert worker_pid(miner.home, run_id) == pid
    released.touch()
    miner.wait(run_id, SUCCESS)
    wait_until(lambda: not psutil.pid_exists(pid))


def test_an_order_that_is_nonsense_harms_nothing(miner: Miner) -> None:
    for words in (b"", b"nonsense", b"[]", b"{}", b'{"launch": 3}', b"\xff\xfe"):
        with short_socket_path(miner.home) as path, socket.socket(socket.AF_UNIX) as line:
            line.connect(path)
            line.sendall(words)
    run_id = miner.launch()
    miner.wait(run_id, SUCCESS)


def test_a_launch_without_a_pool_fails_the_run_and_says_what_is_missing(
    miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trellis_assets.orchestration.warm_workers.launcher._PATIENCE_S", 0.2)
    miner.pool.terminate()
    miner.pool.wait(60)
    with pytest.raises(PoolUnreachableError, match="is `mine` running"):
        miner.launch()
    assert [run.status for run in miner.instance.get_runs(limit=1)] == [FAILURE]
    monkeypatch.undo()
    miner.start_pool()


def test_a_run_is_executed_by_one_process_only(tmp_path: Path) -> None:
    with hold_pid_file(tmp_path, "r1") as first, hold_pid_file(tmp_path, "r1") as second:
        assert (first, second) == (True, False)
        assert worker_pid(tmp_path, "r1") == os.getpid()
        assert remove_stale_pid_files(tmp_path) == 0
    assert worker_pid(tmp_path, "r1") is None


@pytest.mark.parametrize("run_id", ["../r", "a/b", ""])
def test_a_run_id_never_becomes_a_path_elsewhere(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(ValueError, match="run id"), hold_pid_file(tmp_path, run_id):
        pass


def test_a_run_that_a_worker_never_began_goes_to_another(miner: Miner) -> None:
    wait_until(lambda: is_pool_ready(miner.home))
    free = miner.workers()
    for worker in free:
        worker.suspend()
    run_id = miner.launch()
    wait_until(lambda: read_heartbeat(miner.home / "progress", "run_workers").get("busy"))
    for worker in free:
        worker.kill()
    miner.wait(run_id, SUCCESS)


def test_a_worker_past_its_stages_bound_is_replaced(tmp_path: Path) -> None:
    strict = Miner(tmp_path, "--stages", json.dumps({Stage.RUNNING: 4}))
    try:
        stuck = strict.launch(1000)
        pid = strict.wait_started(stuck)
        wait_until(lambda: not psutil.pid_exists(pid), timeout_s=30)
        strict.wait(strict.launch(), SUCCESS)
        # The pool writes its heartbeat once a second: the count follows the worker's end.
        wait_until(lambda: read_heartbeat(strict.home / "progress", "run_workers").get("replaced") == 1)
        launcher = strict.instance.run_launcher
        assert launcher.check_run_worker_health(strict.run(stuck)).status is WorkerStatus.NOT_FOUND
    finally:
        strict.close()


def test_a_pool_without_heartbeats_takes_no_runs(tmp_path: Path) -> None:
    assert "no heartbeat yet" in str(why_pool_is_unreachable(tmp_path))
    write_heartbeat(tmp_path, "run_workers", {"beat_at": time.monotonic() - 11})
    assert "no heartbeat for 11 s" in str(why_pool_is_unreachable(tmp_path))
    write_heartbeat(tmp_path, "run_workers", {"beat_at": time.monotonic()})
    assert why_pool_is_unreachable(tmp_path) is None
