"""Parts that live and do nothing: stopped by SIGSTOP, each is replaced, and mining goes on."""

from pathlib import Path

import pytest

from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.end_to_end.sessions import mining

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("end_to_end"), pytest.mark.sqlite_only]


@pytest.mark.faults_long
@pytest.mark.parametrize("part", ["code_server", "daemon", "run_workers"])
def test_a_stopped_part_is_replaced_and_mining_goes_on(tmp_path: Path, part: str) -> None:
    with mining(tmp_path, "--no-validate") as session:
        session.wait_accepted(1, timeout_s=240)
        stopped = session.child(part)
        stopped.suspend()
        session.wait_for(f"{part} is stuck", timeout_s=120)
        before = session.accepted()
        session.wait_accepted(before + 2, timeout_s=240)
        assert not stopped.is_running()


@pytest.mark.faults_long
def test_stopped_run_workers_are_replaced_and_cost_no_task(tmp_path: Path) -> None:
    """Each is killed after a minute without a heartbeat; its task is taken over when its lease ends."""
    with mining(tmp_path, "--no-validate") as session:
        session.wait_accepted(1, timeout_s=240)
        stopped = session.child("run_workers").children()
        for worker in stopped:
            worker.suspend()
        before = session.accepted()
        session.wait_accepted(before + 3, timeout_s=240)
        wait_until(lambda: not any(worker.is_running() for worker in stopped), "they were replaced", 120)
