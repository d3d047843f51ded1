"""Pictures that a server says it made a model from: fetched in bounds, decoded and encoded anew."""

import io
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trellis_assets.adapters.generation.http import HttpGenerator
from trellis_assets.adapters.generation.model_pictures import MAX_BYTES, OfferedPictures, offer_in
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.domain.generation_requests import PictureKind, Route
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import PictureSource
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets.testing.splats import a_ball

MODEL_ID = "0123456789abcdef" * 2
SPZ = encode_spz(a_ball())
KEY = ("endpoint", "a vase", 7)


def png(*, alpha: int = 255) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (64, 48), (200, 40, 20, alpha)).save(file, "PNG")
    return file.getvalue()


class Server:
    """Answers with a model and its headers, and with a picture by the function given."""

    def __init__(self, picture: Callable[[Request], None], **headers: str) -> None:
        self.picture, self.headers = picture, headers
        self.asked: list[str] = []
        self.forms: list[bytes] = []

    def __call__(self, request: Request) -> None:
        if request.path == "/generate/":
            self.forms.append(request.body)
            request.answer(SPZ, **self.headers)
        else:
            self.asked.append(request.path)
            self.picture(request)


def pictures_of(server: Server, **client: Any) -> dict[PictureKind, bytes]:
    with serving(server) as url:
        generator = HttpGenerator([url], timeout_s=20, **client)
        assert isinstance(generator, PictureSource)
        (endpoint,) = generator.endpoints
        generator.generate("a vase", kind=TaskKind.TEXT, seed=7, endpoint=endpoint)
        found = dict(generator.pictures("a vase", seed=7, endpoint=endpoint))
        assert generator.pictures("a vase", seed=7, endpoint=endpoint) == {}
        return found


def offering(picture: Callable[[Request], None], names: str = "picture,cut") -> Server:
    return Server(picture, x_model_id=MODEL_ID, x_model_pictures=names)


def test_both_pictures_come_as_files_of_our_own_making() -> None:
    server = offering(lambda request: request.answer(png(alpha=255 if "picture" in request.path else 128)))
    found = pictures_of(server)
    assert server.asked == [f"/models/{MODEL_ID}/picture.png", f"/models/{MODEL_ID}/cut.png"]
    opened = {kind: Image.open(io.BytesIO(data)) for kind, data in found.items()}
    assert {picture.format for picture in opened.values()} == {"WEBP"}
    assert opened[PictureKind.PICTURE].mode == "RGB"
    assert opened[PictureKind.CUT].mode == "RGBA"
    assert opened[PictureKind.CUT].size == (64, 48)
    assert np.abs(np.asarray(opened[PictureKind.PICTURE]).mean(axis=(0, 1)) - [200, 40, 20]).max() < 5


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_model_pictures": "picture"},
        {"x_model_id": MODEL_ID},
        {"x_model_id": "../../secret", "x_model_pictures": "picture"},
        {"x_model_id": MODEL_ID.upper(), "x_model_pictures": "picture"},
        {"x_model_id": MODEL_ID, "x_model_pictures": "http://other.example/x,../../passwd"},
    ],
)
def test_server_that_names_no_or_invalid_pictures_is_not_asked(headers: dict[str, str]) -> None:
    server = Server(lambda request: request.answer(png()), **headers)
    assert pictures_of(server) == {}
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: request.answer(b"gone", status=404),
        lambda request: request.answer(b"<html>"),
        lambda request: request.answer(png()[:40]),
        lambda request: request.answer(b""),
        lambda request: request.answer(bytes(MAX_BYTES + 1)),
        lambda request: request.answer(b"", status=302, location="http://127.0.0.1:9/"),
        lambda request: request.wfile.write(b"nonsense\r\n\r\n"),
    ],
)
def test_invalid_picture_is_left_out_and_the_model_is_kept(answer: Callable[[Request], None]) -> None:
    server = offering(answer)
    assert pictures_of(server) == {}
    assert server.asked


def test_picture_that_does_not_come_costs_one_bounded_wait() -> None:
    offered = OfferedPictures(None, timeout_s=0.3)
    answered = threading.Event()
    with serving(lambda request: answered.wait(60)) as url:
        answer = type("Answer", (), {"headers": {"x-model-id": MODEL_ID, "x-model-pictures": "picture,cut"}})
        offer = offer_in(answer, url)  # type: ignore[arg-type]
        assert offer is not None
        offered.remember(KEY, offer)
        assert offered.take(KEY) == {}
        assert not answered.is_set(), "nobody waits for the answer"
        answered.set()


def test_route_is_asked_for_with_words_alone() -> None:
    server = Server(lambda request: None)
    picture = __import__("trellis_assets.adapters.prompt_lists", fromlist=["x"]).default_pictures()[0]
    with serving(server) as url:
        for route in (None, Route.PICTURE):
            generator = HttpGenerator([url], timeout_s=20, route=route)
            for prompt, kind in (("a vase", TaskKind.TEXT), (picture, TaskKind.IMAGE)):
                generator.generate(prompt, kind=kind, seed=7, endpoint=generator.endpoints[0])
    assert [b"route=picture" in form for form in server.forms] == [False, False, True, False]
