"""The `dagster.yaml` that a session writes: what its queue lets through."""

from pathlib import Path

import dagster as dg
import pytest
import yaml

from trellis_assets.orchestration.dagster_home import BACKFILL_TAG, dagster_home, write_instance
from trellis_assets.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.sqlite_only
@pytest.mark.parametrize(("workers", "backfill"), [(16, 4), (4, 1), (1, 1)])
def test_a_backfill_takes_at_most_a_quarter_of_the_run_workers(
    tmp_path: Path, workers: int, backfill: int
) -> None:
    settings = Settings.load(data_dir=tmp_path, max_concurrent_runs=workers)
    home = dagster_home(settings)
    write_instance(settings, home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 2 * workers
    assert queue.tag_concurrency_limits == [{"key": BACKFILL_TAG, "limit": backfill}]


def test_dagster_dev_bounds_a_backfill_too() -> None:
    written = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    limits = written["run_coordinator"]["config"]["tag_concurrency_limits"]
    assert limits == [{"key": BACKFILL_TAG, "limit": 1}]
