"""The doctor looks at every generation endpoint, and changes nothing by it."""

from pathlib import Path

from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.machine_checks import CheckContext, check_generator
from trellis_assets.domain.diagnostics import Health
from trellis_assets.settings import GeneratorBackend, Settings
from trellis_assets.testing.hostile_server import serving


def test_unreachable_endpoint_of_two_has_a_result_and_no_breaker_changes(tmp_path: Path) -> None:
    with serving(lambda request: request.answer(b"{}")) as dead:
        pass
    with serving(lambda request: request.answer(b"{}")) as alive:
        settings = Settings.load(
            data_dir=tmp_path, generator=GeneratorBackend.HTTP, generator_urls=f"{dead},{alive}"
        )
        pipeline = Pipeline(settings)
        generator, endpoint = check_generator(CheckContext(pipeline, reads_key=False))
    assert (generator.health, endpoint.health) == (Health.OK, Health.WARNING)
    assert dead in endpoint.text
    breakers = [e.breaker for e in pipeline.store.endpoints.named(pipeline.generator.endpoints)]
    assert [breaker.open_until for breaker in breakers] == [None, None], "looking changes nothing"
