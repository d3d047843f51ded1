"""Recipes over HTTP: settings reach the server, it says what it used, and one that cannot still works."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from trellis_assets.adapters.generation.embedded.backend import EmbeddedBackend
from trellis_assets.adapters.generation.http import HttpGenerator
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.domain.generation_requests import Route, Sampling
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import EndpointFaultError
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets.testing.splats import a_ball

SPZ = encode_spz(a_ball())
ASKED = Sampling(ss_steps=20, slat_guidance=5.5)


def made(generator: HttpGenerator, **asked: Any) -> UsedSettings | None:
    (endpoint,) = generator.endpoints
    generator.generate("a ball", kind=TaskKind.TEXT, seed=42, endpoint=endpoint, **asked)
    return generator.used_settings(endpoint)


def test_settings_are_sent_and_what_the_server_says_is_read() -> None:
    seen: list[dict[str, list[str]]] = []

    def answer(request: Request) -> None:
        seen.append(parse_qs(request.body.decode()))
        said = '{"route": "picture", "ss_sampling_steps": 20}'
        request.answer(SPZ, X_Model_Settings=said)

    with serving(answer) as url:
        used = made(HttpGenerator([url], route=Route.DIRECT), sampling=ASKED, route=Route.PICTURE)
    assert used == UsedSettings(Sampling(ss_steps=20), Route.PICTURE)
    assert seen[0]["ss_sampling_steps"] == ["20"]
    assert seen[0]["slat_guidance_strength"] == ["5.5"]
    assert seen[0]["route"] == ["picture"], "a recipe's route goes before the setting's"


@pytest.mark.parametrize("status", [400, 422, 501])
def test_a_server_that_refuses_the_settings_makes_the_model_without_and_is_not_asked_again(
    status: int,
) -> None:
    seen: list[dict[str, list[str]]] = []

    def answer(request: Request) -> None:
        form = parse_qs(request.body.decode())
        seen.append(form)
        if "ss_sampling_steps" in form or "route" in form:
            request.answer(b'{"detail": "unknown field"}', status=status)
        else:
            request.answer(SPZ)

    with serving(answer) as url:
        generator = HttpGenerator([url])
        assert made(generator, sampling=ASKED, route=Route.PICTURE) is None, "it says nothing of what it used"
        assert made(generator, sampling=ASKED, route=Route.PICTURE) is None
    assert ["ss_sampling_steps" in form for form in seen] == [True, False, False]


def test_a_server_that_fails_with_and_without_the_settings_is_at_fault_itself() -> None:
    with serving(lambda request: request.answer(b"no such thing", status=501)) as url:
        generator = HttpGenerator([url])
        with pytest.raises(EndpointFaultError):
            made(generator, sampling=ASKED)
        assert generator.used_settings(generator.endpoints[0]) is None


def test_our_server_says_that_its_embedded_backend_has_no_samplers(serve: Callable[[Any], str]) -> None:
    generator = HttpGenerator([serve(generation_app(EmbeddedBackend(), BytesCodec()))])
    assert made(generator, sampling=ASKED) == UsedSettings(route=Route.DIRECT)
    assert made(generator, route=Route.PICTURE) == UsedSettings(route=Route.DIRECT), "made by its own route"


def test_what_one_model_was_made_with_is_not_taken_for_the_next() -> None:
    answers = iter(['{"ss_sampling_steps": 20}', None])

    def answer(request: Request) -> None:
        said = next(answers)
        request.answer(SPZ, **({} if said is None else {"X_Model_Settings": said}))

    with serving(answer) as url:
        generator = HttpGenerator([url])
        assert made(generator) == UsedSettings(Sampling(ss_steps=20))
        assert made(generator) is None
