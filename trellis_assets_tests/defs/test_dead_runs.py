"""What a killed miner leaves in progress is closed, but for what a worker still works on."""

from pathlib import Path

import dagster as dg

from trellis_assets.defs.dead_runs import close_dead_runs
from trellis_assets.defs.run_workers.marks import marked


@dg.job
def a_job() -> None:
    """Nothing."""


def test_runs_are_closed_unless_their_worker_lives(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    status = dg.DagsterRunStatus
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:

        def run(of: dg.DagsterRunStatus) -> str:
            return instance.create_run_for_job(a_job, status=of).run_id

        alive = run(status.STARTED)
        dead = [run(status.NOT_STARTED), run(status.STARTING), run(status.STARTED), run(status.CANCELING)]
        done = run(status.SUCCESS)
        with marked(tmp_path, alive):
            assert close_dead_runs(tmp_path) == len(dead)

        def now(run_id: str) -> dg.DagsterRunStatus:
            found = instance.get_run_by_id(run_id)
            assert found is not None
            return found.status

        assert {now(run_id) for run_id in dead} == {status.FAILURE}
        assert (now(alive), now(done)) == (status.STARTED, status.SUCCESS)
