"""Every asset is materialised once in a session, not up to an hour later, and not twice."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from trellis_assets.composition import Pipeline
from trellis_assets.definitions import defs
from trellis_assets.defs.first_look_sensor import first_look_sensor
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import NOW, FakeClock, ScriptedNetwork, a_validator
from trellis_assets_tests.defs.pipelines import ScriptedPipeline, resources_of


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Pipeline]:
    settings = Settings.load(data_dir=tmp_path, session_id=7)
    pipeline = ScriptedPipeline(settings, ScriptedNetwork([a_validator(1)]))
    pipeline.__dict__["clock"] = FakeClock(NOW)
    yield pipeline
    pipeline.close()


def tick(parts: Pipeline, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor, resources=resources_of(parts), definitions=defs
        )
        result = first_look_sensor(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_all_assets_that_a_schedule_keeps_are_requested_once_in_a_session(parts: Pipeline) -> None:
    first = tick(parts, None)
    assert isinstance(first, dg.SensorResult)
    assert not first.run_requests, "the first tasks go first"
    second = tick(parts, first.cursor)
    assert isinstance(second, dg.SensorResult)
    assert second.run_requests is not None
    asked = {request.job_name: request.partition_key for request in second.run_requests}
    assert asked == {
        "refresh_validators_job": None,
        "export_statistics_job": None,
        "publish_reports_job": "2026-11-23",
        "validate_idle_job": "2026-11-23-12:00",
        "record_earnings_job": "2026-11-23-12:00",
    }
    repository = defs.get_repository_def()
    selected = {
        key.to_user_string()
        for name in asked
        for key in repository.get_job(str(name)).asset_layer.selected_asset_keys
    }
    every = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    by_themselves = {"submissions", "recipe_exploration"}
    assert selected == every - by_themselves, "mining reports the one, an idle miner makes the other"
    assert isinstance(tick(parts, second.cursor), dg.SkipReason)


def test_the_next_session_looks_again(parts: Pipeline) -> None:
    assert isinstance(tick(parts, "6"), dg.SensorResult)
