"""What a killed miner leaves in progress is closed, but for what a worker still works on."""

from datetime import timedelta
from pathlib import Path

import dagster as dg

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.orchestration.orphaned_runs import close_orphaned_runs, orphaned_claims
from trellis_assets.orchestration.run_tags import TASK_TAG
from trellis_assets.orchestration.warm_workers.pid_files import hold_pid_file
from trellis_assets.testing.fakes import MINER, NOW, a_pulled_task, a_validator


@dg.job
def a_job() -> None:
    """Nothing."""


def test_runs_are_closed_unless_their_worker_lives(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    status = dg.DagsterRunStatus
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:

        def run(of: dg.DagsterRunStatus) -> str:
            return instance.create_run_for_job(a_job, status=of, tags={TASK_TAG: "7"}).run_id

        alive = run(status.STARTED)
        dead = [run(status.NOT_STARTED), run(status.STARTING), run(status.STARTED), run(status.CANCELING)]
        done = run(status.SUCCESS)
        with hold_pid_file(tmp_path, alive):
            closed = close_orphaned_runs(tmp_path)
        assert {run.run_id for run in closed} == set(dead)
        assert {run.task_key for run in closed} == {7}

        def now(run_id: str) -> dg.DagsterRunStatus:
            found = instance.get_run_by_id(run_id)
            assert found is not None
            return found.status

        assert {now(run_id) for run_id in dead} == {status.FAILURE}
        assert (now(alive), now(done)) == (status.STARTED, status.SUCCESS)


def test_claims_and_endpoints_of_dead_runs_are_free_whatever_dagster_calls_the_runs(
    tmp_path: Path, store: SqlStore
) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    later = NOW + timedelta(seconds=30)

    def claimed(run_id: str, endpoint: str) -> int:
        arrival = store.arrivals.record(
            a_pulled_task(run_id), validator=a_validator(1), miner_hotkey=MINER, now=NOW, session_id=None
        )
        key = arrival.task.key
        assert store.claims.claim(key, run_id, now=NOW, until=later)
        assert store.slots.acquire([endpoint], key, now=NOW, until=later) == endpoint
        return key

    states = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        alive, started, ended = (
            instance.create_run_for_job(a_job, status=status).run_id for status in states
        )
    keys = [claimed(alive, "a"), claimed(started, "b"), claimed(ended, "c"), claimed("elsewhere", "d")]
    with hold_pid_file(tmp_path, alive):
        close_orphaned_runs(tmp_path)
        dead = orphaned_claims(tmp_path, store.claims.held())
    assert {run.task_key for run in dead} == {keys[1], keys[2]}
    for run in dead:
        assert run.task_key is not None
        store.claims.free_from_dead_run(run.task_key, run.run_id)
    assert {key for key, _ in store.claims.held()} == {keys[0], keys[3]}
    assert {task.key for task in store.claims.unclaimed(MINER)} == {keys[1], keys[2]}
    assert {e.name for e in store.endpoints.named(["a", "b", "c", "d"]) if e.held_by is None} == {
        "b",
        "c",
    }
