"""A tick of the sensor lists the runs that it stands for: in its row, its log, its text and its cursor."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._utils.error import SerializableErrorInfo

from trellis_assets.orchestration.runs import StartedRun
from trellis_assets.orchestration.sensor_switch import SENSOR_NAME
from trellis_assets.orchestration.sensor_ticks import (
    add_to_last_tick,
    describe_polls,
    describe_runs,
    log_tick,
    record_runs,
)
from trellis_assets.steps.poll_validators import PollReport

TWO = [StartedRun("run-a", "key-a", 7), StartedRun("run-b", "key-b", 8)]
ORIGIN = RemoteInstigatorOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("trellis_assets"), "__repository__"), SENSOR_NAME
)
SELECTOR = ORIGIN.get_selector().get_id()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as opened:
        opened.add_instigator_state(
            InstigatorState(
                ORIGIN, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, SensorInstigatorData()
            )
        )
        yield opened


def add_tick(instance: dg.DagsterInstance, status: TickStatus, at: float) -> int:
    error = SerializableErrorInfo("no", [], None) if status is TickStatus.FAILURE else None
    reason = "No run was started since the last tick." if status is TickStatus.SKIPPED else None
    data = TickData(
        *(ORIGIN.get_id(), SENSOR_NAME, InstigatorType.SENSOR, status, at),
        selector_id=SELECTOR,
        error=error,
        skip_reason=reason,
    )
    return int(instance.create_tick(data).tick_id)


def test_runs_are_recorded_in_the_tick_before_the_one_under_way(instance: dg.DagsterInstance) -> None:
    add_tick(instance, TickStatus.SKIPPED, at=100.0)
    before = add_tick(instance, TickStatus.SKIPPED, at=105.0)
    add_tick(instance, TickStatus.STARTED, at=110.0)
    assert add_to_last_tick(instance, TWO)
    shown = {
        t.tick_id: (t.status, list(t.run_ids)) for t in instance.get_ticks(ORIGIN.get_id(), SELECTOR, limit=3)
    }
    assert shown.pop(before) == (TickStatus.SUCCESS, ["run-a", "run-b"])
    assert sorted(status.value for status, _ in shown.values()) == ["SKIPPED", "STARTED"]
    assert all(runs == [] for _, runs in shown.values())


def test_a_tick_that_failed_stays_as_it_is(instance: dg.DagsterInstance) -> None:
    add_tick(instance, TickStatus.FAILURE, at=105.0)
    add_tick(instance, TickStatus.STARTED, at=110.0)
    assert not add_to_last_tick(instance, TWO)


def test_nothing_is_recorded_before_the_first_tick(instance: dg.DagsterInstance) -> None:
    assert not add_to_last_tick(instance, TWO)


def test_ticks_that_cannot_be_read_do_not_fail_the_tick_under_way(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the database is locked")

    monkeypatch.setattr(type(instance), "get_ticks", fail)
    with dg.build_sensor_context(instance=instance) as context:
        assert not record_runs(context, TWO)


def test_log_and_cursor_name_and_count_the_started_runs() -> None:
    report = PollReport(polled=3, answers={"TaskAssigned": 2, "CoolingDown": 1}, new_tasks=[7, 8])
    assert describe_runs(TWO) == "2 runs were started since the last tick, for task 7, 8 (tag trellis/task)."
    assert describe_polls(report) == "3 polls: cooling down 1, task assigned 2."
    with dg.build_sensor_context(cursor="5") as context:
        log_tick(context, report, TWO)
        assert context.cursor == "7", "runs started so far"
