"""Runs that the poller starts: one per key, launched at once, and tried again when that fails."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin

from trellis_assets.definitions import defs
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.orchestration.runs import SENSOR_TAG, RunStarter, StartedRun, launches_at_once, run_status
from trellis_assets.testing.fakes import a_task

MOCKED = {"run_launcher": {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(overrides=MOCKED) as opened:
        yield opened


@pytest.fixture
def starter(instance: dg.DagsterInstance) -> RunStarter:
    location = RegisteredCodeLocationOrigin("trellis_assets")
    return RunStarter(instance, defs.get_repository_def(), location, "mine_task_job", "task_sensor")


def test_a_tasks_run_is_launched_once_under_its_key(
    instance: dg.DagsterInstance, starter: RunStarter, caplog: pytest.LogCaptureFixture
) -> None:
    task = a_task(7)
    starter.start(task)
    starter.start(task)
    (run,) = instance.get_runs()
    assert starter.take_started() == [StartedRun(run.run_id, task.run_key, 7)]
    assert starter.take_started() == [], "each is taken once"
    assert "run not started" not in caplog.text, "another start of the same run is no failure"
    assert run.run_config == {"ops": {"generate": {"config": {"task_key": 7}}}}
    assert run.tags[SENSOR_TAG] == "task_sensor", "the sensor's page lists it"
    assert run.remote_job_origin is not None
    assert instance.run_launcher.did_run_launch(run.run_id)  # type: ignore[attr-defined]
    assert run_status(instance, task.run_key) is RunStatus.RUNNING


def test_another_attempt_is_another_run(instance: dg.DagsterInstance, starter: RunStarter) -> None:
    starter.start(a_task(7))
    starter.start(a_task(7, attempt=1))
    assert len(instance.get_runs()) == 2


def test_a_run_that_was_never_launched_does_not_hold_its_task_for_ever(
    instance: dg.DagsterInstance, starter: RunStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its creator died between the two: it counts as started, and is given up when nobody claims the task."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(instance), "launch_run", die)
    with pytest.raises(KeyboardInterrupt):
        starter.start(a_task(7))
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.NOT_STARTED]
    assert run_status(instance, a_task(7).run_key) is RunStatus.RUNNING


def test_a_launch_that_fails_is_told_and_leaves_the_task_to_the_next_attempt(
    instance: dg.DagsterInstance, starter: RunStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise dg.DagsterInvariantViolationError("nobody there")

    monkeypatch.setattr(type(instance.run_launcher), "launch_run", refuse)
    starter.start(a_task(7))
    assert run_status(instance, a_task(7).run_key) is RunStatus.ENDED
    assert starter.take_started() == []


def test_dagsters_own_launcher_gets_its_runs_from_the_daemon(instance: dg.DagsterInstance) -> None:
    assert launches_at_once(instance)
    with dg.DagsterInstance.local_temp() as default:
        assert not launches_at_once(default)


def test_the_run_of_a_worker_that_is_gone_does_not_stay_in_progress(
    instance: dg.DagsterInstance, starter: RunStarter
) -> None:
    starter.start(a_task(7))
    starter.start(a_task(7, attempt=1))
    assert run_status(instance, a_task(7).run_key) is RunStatus.ENDED
    assert run_status(instance, a_task(7, attempt=1).run_key) is RunStatus.RUNNING
