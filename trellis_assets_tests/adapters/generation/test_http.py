"""The HTTP generator against real servers: a good one, and ones that answer badly."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI, Response

from trellis_assets.adapters.generation.embedded.backend import EmbeddedBackend
from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.generation.http import HttpGenerator
from trellis_assets.adapters.generation.http_answers import declared_orientation
from trellis_assets.adapters.http_client import BoundedClient
from trellis_assets.adapters.prompt_lists import default_pictures
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets.testing.splats import a_ball


def answering(status: int, body: bytes, media_type: str = "application/octet-stream") -> FastAPI:
    app = FastAPI()

    @app.post("/generate/")
    def generate() -> Response:
        return Response(body, status_code=status, media_type=media_type)

    return app


def ask(url: str, prompt: str = "a red vase", kind: TaskKind = TaskKind.TEXT) -> Any:
    generator = HttpGenerator([url], timeout_s=20)
    return generator.generate(prompt, kind=kind, seed=7, endpoint=generator.endpoints[0])


def test_the_servers_model_is_the_generators_within_what_spz_keeps(serve: Callable[[Any], str]) -> None:
    url = serve(generation_app(EmbeddedBackend(), BytesCodec()))
    got = ask(url)
    made = EmbeddedGenerator().generate("a red vase", kind=TaskKind.TEXT, seed=7, endpoint="embedded")
    assert len(got) == len(made)
    assert np.abs(got.positions - made.positions).max() <= 1.3e-4
    assert [probe.trouble for probe in HttpGenerator([url]).probe()] == [None]


@pytest.mark.parametrize(
    ("status", "body", "is_transient"),
    [
        (500, b"out of memory", True),
        (503, b"busy", True),
        (422, b"bad prompt", False),
        (404, b"<html>nothing here</html>", False),
        (200, b"<html>welcome</html>", False),
        (200, b"", False),
        (200, b"ply\nformat binary_little_endian 1.0\nelement vertex 9\n", False),
    ],
)
def test_each_bad_answer_says_whether_trying_again_may_help(
    serve: Callable[[Any], str], status: int, body: bytes, is_transient: bool
) -> None:
    with pytest.raises(GenerationError) as caught:
        ask(serve(answering(status, body)))
    assert caught.value.is_transient is is_transient
    assert str(caught.value).isprintable()


def test_a_server_that_is_away_is_a_passing_failure_and_a_problem() -> None:
    with pytest.raises(GenerationError) as caught:
        ask("http://127.0.0.1:9")
    assert caught.value.is_transient
    assert caught.value.is_unreachable
    (probe,) = HttpGenerator(["http://127.0.0.1:9"]).probe()
    assert "127.0.0.1:9" in (probe.trouble or "")


def test_a_damaged_image_prompt_is_not_sent() -> None:
    with pytest.raises(GenerationError, match="not base64"):
        ask("http://127.0.0.1:9", kind=TaskKind.IMAGE)


def test_our_own_server_says_which_way_up_its_models_stand(serve: Callable[[Any], str]) -> None:
    generator = HttpGenerator([serve(generation_app(EmbeddedBackend(), BytesCodec()))])
    endpoint = generator.endpoints[0]
    assert generator.declared_orientation(endpoint) == (Orientation.AS_IS, False), "before any answer"
    generator.generate("a red vase", kind=TaskKind.TEXT, seed=7, endpoint=endpoint)
    assert generator.declared_orientation(endpoint) == (Orientation.AS_IS, True)


@pytest.mark.parametrize(
    ("headers", "declared"),
    [
        ({}, (Orientation.AS_IS, False)),
        ({"x-compression-ratio": "1.20MB"}, (Orientation.TRELLIS_PLY, False)),
        ({"x-model-orientation": "Z-Up"}, (Orientation.Z_UP, True)),
        ({"x-model-orientation": "sideways"}, (Orientation.AS_IS, False)),
    ],
)
def test_answers_headers_tell_the_seed_s_server_from_ours_and_from_unknown_ones(
    headers: dict[str, str], declared: tuple[Orientation, bool]
) -> None:
    assert declared_orientation(headers) == declared


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b'{"status": "healthy"}', None),
        (200, b"ok", None),
        (404, b"{}", None),
        (503, b'{"status": "loading"}', "is loading"),
        (503, b'{"status": "failed", "detail": "no weights\\u001b[31m"}', "is failed: no weights"),
        (200, b'{"status": "unhealthy"}', "is unhealthy"),
        (500, b"<html>oops", "is not healthy: it answered 500"),
        (503, b"[1]", "is not healthy: it answered 503"),
        (503, b'{"status": "failed", "detail": "' + b"x" * 9000 + b'"}', "is failed: x"),
    ],
)
def test_unready_server_is_reported_with_its_own_reason(status: int, body: bytes, told: str | None) -> None:
    with serving(lambda request: request.answer(body, status=status)) as url:
        (probe,) = HttpGenerator([url]).probe()
    if told is None:
        assert probe.trouble is None
    else:
        assert told in (probe.trouble or "")
        assert (probe.trouble or "").isprintable()
        assert len(probe.trouble or "") <= 500


def test_a_server_that_takes_pictures_only_as_files_gets_a_file() -> None:
    """Many servers of this route call the picture `prompt_image_file`."""
    bodies = []

    def respond(request: Request) -> None:
        bodies.append(request.body)
        if b'name="prompt_image_file"' in bodies[-1]:
            request.answer(encode_spz(a_ball(100)))
        else:
            request.answer(b'{"detail": "prompt_image_file: field required"}', status=422)

    with serving(respond) as url:
        made = ask(url, default_pictures()[0], TaskKind.IMAGE)
    assert len(made) == 100
    assert base64.b64decode(default_pictures()[0]) in bodies[-1]


def test_our_own_server_takes_the_clients_upload(serve: Callable[[Any], str]) -> None:
    url = serve(generation_app(EmbeddedBackend(), BytesCodec()))
    client = BoundedClient(timeout_s=20, max_bytes=1 << 24)
    file = base64.b64decode(default_pictures()[0])
    answer = client.post_file(f"{url}/generate/", {"seed": "7"}, "prompt_image_file", file)
    assert answer.status == 200
    assert len(decode_splats(answer.body)) > 0
