"""The sensor's switch in the Dagster UI: reported at once, nothing is pulled, active tasks are finished."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorStatus

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.tasks import PulledTask, TaskKind
from trellis_assets.orchestration.dagster_home import dagster_home
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.end_to_end.sessions import MineSession, mining

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("end_to_end"),
    pytest.mark.sqlite_only,
]


def switch(session: MineSession, status: InstigatorStatus) -> None:
    """As the UI does it."""
    with dg.DagsterInstance.from_config(str(dagster_home(session.settings))) as instance:
        states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        for state in states:
            if state.instigator_name == "task_sensor":
                instance.update_instigator_state(state.with_status(status))


def test_a_stopped_sensor_pauses_polling_and_active_tasks_are_finished(tmp_path: Path) -> None:
    with mining(tmp_path) as session:
        session.wait_accepted(1)
        switch(session, InstigatorStatus.STOPPED)
        session.wait_for("mining: paused: the task_sensor is stopped in the Dagster UI", timeout_s=30)
        store = open_store(session.settings.storage.store_url)
        wait_until(lambda: not store.tasks.active(None), "active tasks are finished")
        counts = store.statistics.count_by_state()
        # Dagster's daemon never ticks now, and a code server that starts anew has no poller by itself.
        session.child("code_server").kill()
        (listed, _), now = store.validators.listed(), datetime.now(UTC)
        task = PulledTask("left-over", TaskKind.TEXT, "a red cube", 0.0, 0)
        miner = store.statistics.validator_counters()[0].miner_hotkey
        left = store.arrivals.record(task, validator=listed[0], miner_hotkey=miner, now=now, session_id=None)
        wait_until(
            lambda: store.tasks.get(left.task.key).finished_at, "the task that was left is finished", 90
        )
        assert sum(store.statistics.count_by_state().values()) == sum(counts.values()) + 1, (
            "and nothing was pulled"
        )
        switch(session, InstigatorStatus.RUNNING)
        session.wait_for("mining is back")
        store.close()
