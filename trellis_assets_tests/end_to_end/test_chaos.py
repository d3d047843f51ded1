"""The chaos run in its small form; `make chaos` and `make chaos-workers` are the full ones."""

from pathlib import Path

import pytest

from trellis_assets_tests.end_to_end.chaos.audit import audit_run
from trellis_assets_tests.end_to_end.chaos.plan import WEIGHTS, WEIGHTS_WITH_WORKERS
from trellis_assets_tests.end_to_end.chaos.session import Chaos, run_chaos

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("end_to_end")]


@pytest.mark.faults_long
def test_whatever_is_killed_every_task_has_one_outcome(tmp_path: Path) -> None:
    chaos = Chaos(tasks=16, kills=6, seed=4)
    said: list[str] = []
    evidence = run_chaos(chaos, tmp_path, said.append)
    assert audit_run(evidence) == [], said
    assert {kill.role for kill in evidence.kills} == set(WEIGHTS), said
    assert len(evidence.tasks) >= chaos.tasks


@pytest.mark.distributed
def test_whatever_is_killed_of_workers_broker_and_database_every_task_has_one_outcome(tmp_path: Path) -> None:
    chaos = Chaos(tasks=16, kills=9, seed=3, workers=2)
    said: list[str] = []
    evidence = run_chaos(chaos, tmp_path, said.append)
    assert audit_run(evidence) == [], said
    assert {kill.role for kill in evidence.kills} == set(WEIGHTS_WITH_WORKERS), said
    assert len(evidence.tasks) >= chaos.tasks
