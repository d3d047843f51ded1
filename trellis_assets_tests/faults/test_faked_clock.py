"""A code server whose clock is really hours ahead of the run workers': libfaketime in one process."""

import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.tasks import LEASE
from trellis_assets.steps.lease_heartbeat import lease_heartbeat
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.fakes import MINER, a_pulled_task, a_validator
from trellis_assets.testing.waiting import wait_until

FAKETIME = shutil.which("faketime")


@pytest.mark.faults_long
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed: apt-get install faketime")
def test_a_code_server_three_hours_ahead_ends_only_the_leases_of_the_dead(tmp_path: Path) -> None:
    url, clock = f"sqlite:///{tmp_path / 'store.db'}", SystemClock()
    store = open_store(url)
    key = store.arrivals.record(
        a_pulled_task("task-1"),
        validator=a_validator(1),
        miner_hotkey=MINER,
        now=clock.now(),
        session_id=None,
    ).task.key
    assert store.claims.claim(key, "run", now=clock.now(), until=clock.now() + LEASE)
    assert FAKETIME is not None
    watcher = [sys.executable, "-m", "trellis_assets_tests.faults.lease_watcher", url]
    process = subprocess.Popen([FAKETIME, "-f", "+3h", *watcher], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        its_time = datetime.fromisoformat(process.stdout.readline().strip())
        assert its_time - datetime.now(UTC) > timedelta(hours=2)
        with lease_heartbeat(clock, lambda until: store.claims.extend(key, "run", until)) as lost:
            time.sleep(LEASE.total_seconds() + 10)
            assert not lost.is_set()
        assert store.leases.held().claims, "the run lived until now"
        wait_until(lambda: not store.leases.held().claims, "the lease ends", 120)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    store.close()
