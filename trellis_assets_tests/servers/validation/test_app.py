"""The validation server, asked by our own client and by requests of other shapes."""

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from trellis_assets.adapters.prompt_lists import default_pictures
from trellis_assets.adapters.rendering.pictures import validator_views
from trellis_assets.adapters.splat_io.frames import zstd_frame
from trellis_assets.adapters.splat_io.ply import write_ply
from trellis_assets.adapters.splat_io.spz import decode_spz, encode_spz
from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
from trellis_assets.adapters.validation.http import Api, HttpValidator
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import TooCostlyToJudgeError
from trellis_assets.servers.validation.app import validation_app
from trellis_assets.testing.fakes import FakeClock
from trellis_assets.testing.splats import a_ball, a_fog
from trellis_assets.testing.waiting import wait_until

BALL = a_ball()
SPZ = encode_spz(BALL)
JUDGE = EmbeddedValidator(FakeClock())


@pytest.fixture
def url(serve: Callable[[Any], str]) -> str:
    return serve(validation_app(JUDGE))


def ask(url: str, file: bytes = SPZ, *, kind: str = "txt", **fields: Any) -> dict[str, Any]:
    request = {"prompt": "a ball", "data": base64.b64encode(file).decode(), "compression": 2} | fields
    answer = httpx.post(f"{url}/validate_{kind}_to_3d_ply/", json=request, timeout=60)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("api", [None, "2.4", "2.0"])
@pytest.mark.parametrize(
    ("kind", "prompt"), [(TaskKind.TEXT, "a ball"), (TaskKind.IMAGE, default_pictures()[0])]
)
def test_our_client_gets_the_judges_own_score(url: str, kind: TaskKind, prompt: str, api: Api | None) -> None:
    client = HttpValidator(url, clock=FakeClock(), api=api)
    assert client.validate(SPZ, prompt=prompt, kind=kind).score == pytest.approx(
        JUDGE.validate(SPZ, prompt=prompt, kind=kind).score
    )


def test_every_compression_gives_the_same_score(url: str) -> None:
    ply = write_ply(decode_spz(SPZ))
    scores = [ask(url, data, compression=c)["score"] for c, data in enumerate([ply, zstd_frame(ply), SPZ])]
    assert scores[0] > 0.5
    assert scores == pytest.approx([scores[0]] * 3, abs=0.001)


def test_previews_come_above_their_threshold_only(url: str) -> None:
    flags = {"generate_single_preview": True, "generate_grid_preview": True}
    shown = ask(url, **flags, preview_score_threshold=0.1)
    single, grid = (
        Image.open(io.BytesIO(base64.b64decode(shown[name]))) for name in ("preview", "grid_preview")
    )
    views = validator_views(decode_spz(SPZ))
    assert (np.asarray(single) == views[1]).all()
    assert grid.size == (1041, 1041)
    assert (np.asarray(grid)[518:523] == 0).all()
    assert (np.asarray(grid)[-518:, -518:] == views[13]).all()
    hidden = ask(url, **flags, preview_score_threshold=0.99)
    assert (hidden["preview"], hidden["grid_preview"]) == (None, None)


def test_the_older_flag_asks_for_the_single_preview(url: str) -> None:
    assert ask(url, generate_preview=True, preview_score_threshold=0.1)["preview"]


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"data": "!"}, "not base64"),
        ({"data": ""}, "cannot be read"),
        ({"compression": 7}, "compression 7"),
        ({"compression": 0}, "cannot be read"),
        ({"prompt": None}, "no prompt"),
        ({"data": base64.b64encode(encode_spz(a_ball(10))).decode()}, "at least 7000"),
    ],
)
def test_what_cannot_be_scored_scores_nothing_and_says_why(
    url: str, changes: dict[str, Any], detail: str
) -> None:
    answer = ask(url, **changes)
    assert answer["score"] == 0
    assert detail in answer["detail"]


def test_a_request_that_is_none_is_refused(url: str) -> None:
    assert httpx.post(f"{url}/validate_txt_to_3d_ply/", content=b"{").status_code == 422
    assert httpx.post(f"{url}/validate_txt_to_3d_ply/", json={"prompt": "x" * 2000}).status_code == 422


def test_the_duel_view_is_a_picture_and_rubbish_is_refused(url: str) -> None:
    request = {"prompt": "a ball", "data": base64.b64encode(SPZ).decode(), "compression": 2}
    answer = httpx.post(f"{url}/render_duel_view/", json=request, timeout=60)
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (1041, 1041)
    assert httpx.post(f"{url}/render_duel_view/", json=request | {"compression": 9}).status_code == 400


def test_the_version_is_a_json_string(url: str) -> None:
    assert httpx.get(f"{url}/version/").text == '"2.4.0"'


def test_a_preview_of_a_model_without_a_sound_splat_is_told_as_missing(url: str) -> None:
    broken = replace(BALL, positions=np.full_like(BALL.positions, np.nan))
    answer = ask(
        url,
        write_ply(broken),
        compression=0,
        generate_single_preview=True,
        generate_grid_preview=True,
        preview_score_threshold=-1,
    )
    assert (answer["score"], answer["preview"], answer["grid_preview"]) == (0, None, None)
    assert "no preview: no splat of the model can be rendered" in answer["detail"]


def test_a_model_that_takes_too_long_to_draw_is_told_and_the_server_goes_on(url: str) -> None:
    fog = encode_spz(a_fog())
    with pytest.raises(TooCostlyToJudgeError, match="too costly to draw"):
        HttpValidator(url, clock=FakeClock()).validate(fog, prompt="fog", kind=TaskKind.TEXT)
    grid = {"prompt": "fog", "data": base64.b64encode(fog).decode(), "compression": 2}
    assert httpx.post(f"{url}/render_duel_view/", json=grid, timeout=60).status_code == 413
    assert ask(url)["score"] > 0.5


def test_the_server_says_what_was_found_when_its_judge_was_tried(
    serve: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = EmbeddedValidator(FakeClock())
    monkeypatch.setattr(judge, "problem", lambda: "the weights are gone")
    client = HttpValidator(serve(validation_app(judge)), clock=FakeClock())
    wait_until(lambda: "the weights are gone" in (client.problem() or ""))


def test_a_sound_server_and_the_subnets_own_have_no_problem(url: str, serve: Callable[[Any], str]) -> None:
    client = HttpValidator(url, clock=FakeClock())
    wait_until(lambda: client.problem() is None)
    theirs = FastAPI()
    theirs.get("/version/")(lambda: "2.4.0")
    assert HttpValidator(serve(theirs), clock=FakeClock()).problem() is None
