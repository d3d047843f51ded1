"""The sensor: polled tasks are stored before a run is asked for, and a tick that dies loses nothing."""

from pathlib import Path

import dagster as dg
import pytest

from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
from trellis_assets.composition import Pipeline
from trellis_assets.defs.task_sensor import task_sensor
from trellis_assets.domain.scheduling.run_attempts import RunStatus
from trellis_assets.orchestration.polling import why_not_polling
from trellis_assets.orchestration.runs import run_status
from trellis_assets.ports import MetagraphError, TaskAssigned
from trellis_assets.settings import Settings, SettingsError
from trellis_assets.testing.fakes import MINER, ScriptedNetwork, a_pulled_task, a_validator
from trellis_assets_tests.defs.pipelines import ScriptedPipeline, resources_of


def tick(parts: Pipeline, instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance, resources=resources_of(parts))
    result = task_sensor(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


@pytest.fixture
def network() -> ScriptedNetwork:
    validator = a_validator(1)
    network = ScriptedNetwork([validator])
    network.pulls[validator.hotkey] = [TaskAssigned(a_pulled_task("t1"))]
    return network


def requests(result: dg.SensorResult | dg.SkipReason) -> list[dg.RunRequest]:
    assert isinstance(result, dg.SensorResult)
    return list(result.run_requests or [])


def test_one_run_is_requested_per_task_under_its_key(tmp_path: Path, network: ScriptedNetwork) -> None:
    parts = ScriptedPipeline(Settings.load(data_dir=tmp_path), network)
    with dg.DagsterInstance.ephemeral() as instance:
        (request,) = requests(tick(parts, instance))
    assert request.run_key == f"{MINER}:5Validator1:t1"
    assert request.run_config == {"ops": {"generate": {"config": {"task_key": 1}}}}


def test_a_tick_that_died_before_its_request_is_made_good_by_the_next(
    tmp_path: Path, network: ScriptedNetwork
) -> None:
    """The first process stored the task and died: another one, with nothing in memory, asks for it."""
    import asyncio

    first = ScriptedPipeline(Settings.load(data_dir=tmp_path), network)
    asyncio.run(first.subnet.poll_validators_step().run())
    second = ScriptedPipeline(Settings.load(data_dir=tmp_path), ScriptedNetwork([a_validator(1)]))
    with dg.DagsterInstance.ephemeral() as instance:
        (request,) = requests(tick(second, instance))
        (again,) = requests(tick(second, instance))
    assert request.run_key == again.run_key == f"{MINER}:5Validator1:t1", "one key: Dagster starts it once"


def test_a_missing_metagraph_is_a_skip_that_says_what_to_do(
    tmp_path: Path, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[object]:
        raise MetagraphError("start the local subnet")

    monkeypatch.setattr(network, "metagraph", fail)
    parts = ScriptedPipeline(Settings.load(data_dir=tmp_path), network)
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(parts, instance)
    assert isinstance(result, dg.SkipReason)
    assert "start the local subnet" in str(result.skip_message)


def test_without_harvesting_tasks_come_from_prompts(tmp_path: Path) -> None:
    network = ScriptedNetwork([])
    settings = Settings.load(data_dir=tmp_path, harvest=False, task_limit=2)
    parts = ScriptedPipeline(settings, network)
    with dg.DagsterInstance.ephemeral() as instance:
        assert len(requests(tick(parts, instance))) == 2
    assert network.pulled == []


def test_a_draining_session_takes_no_new_task(tmp_path: Path, network: ScriptedNetwork) -> None:
    parts = ScriptedPipeline(Settings.load(data_dir=tmp_path), network)
    session = parts.store.sessions.start(parts.clock.now(), {})
    parts.store.sessions.drain(session, parts.clock.now())
    settings = Settings.load(data_dir=tmp_path, session_id=session)
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(ScriptedPipeline(settings, network), instance)
    assert isinstance(result, dg.SkipReason)
    assert network.pulled == []


def test_a_run_key_nobody_used_has_no_run() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_status(instance, "x") is RunStatus.NONE


def test_nothing_is_pulled_while_no_model_can_be_judged_and_a_verdict_is_required(
    tmp_path: Path, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem: list[str | None] = ["the weights are gone"]
    monkeypatch.setattr(EmbeddedValidator, "problem", lambda _: problem[0])
    parts = ScriptedPipeline(Settings.load(data_dir=tmp_path, require_verdict=True), network)
    assert "no model can be judged: the weights are gone" in (why_not_polling(parts.subnet) or "")
    with pytest.raises(SettingsError, match="TRELLIS_REQUIRE_VERDICT is set and no model can be validated"):
        parts.check()
    problem[0] = None
    parts.subnet._verdict_problem._expires_at = 0.0
    assert why_not_polling(parts.subnet) is None


def test_a_required_verdict_and_no_validation_contradict_each_other(
    tmp_path: Path, network: ScriptedNetwork
) -> None:
    settings = Settings.load(data_dir=tmp_path, require_verdict=True, validate_models=False)
    assert "but validation is off: unset it" in (
        why_not_polling(ScriptedPipeline(settings, network).subnet) or ""
    )
