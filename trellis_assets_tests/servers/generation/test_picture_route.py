"""Words to a picture to a model, end to end over HTTP: what is made, kept, stored, shown, and deleted.

The picture and its cut are made by real classes of diffusers and transformers, small and untrained; the
model by TRELLIS's backend over a stand-in for its package.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from trellis_assets.adapters.generation.embedded.backend import EmbeddedBackend
from trellis_assets.adapters.generation.http import HttpGenerator
from trellis_assets.adapters.rendering.pictures import webp_row
from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.composition import Pipeline
from trellis_assets.domain.generation_requests import Route, Sampling
from trellis_assets.domain.generation_settings import UsedSettings, read_header
from trellis_assets.domain.retention import RetentionPolicy
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.ports import EndpointFaultError, MissingFileError
from trellis_assets.servers.gallery.run import guarded_gallery
from trellis_assets.servers.generation.app import generation_app
from trellis_assets.servers.generation.backends import server_backend
from trellis_assets.settings import Settings, SettingsError
from trellis_assets.steps.maintain import MaintainStep
from trellis_assets.steps.preview import MadeFromStep
from trellis_assets.testing.fakes import MINER, FakeClock, a_pulled_task, a_validator
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests import trellis_package
from trellis_assets_tests.saved_networks import Saved, one_thread, saved

__all__ = ["one_thread", "saved"]

Serve = Callable[[Any], str]
REVISIONS = Revisions(None)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> type[trellis_package.ImagePipeline]:
    return trellis_package.install(monkeypatch)


@pytest.fixture
def settings(saved: Saved, one_thread: None) -> Settings:
    """As an operator writes them, with small networks."""
    return Settings.load(
        server_backend="trellis",
        server_device="cpu",
        text_model="-",
        image_model="image-weights",
        server_route="picture",
        server_picture_model=str(saved("stable_diffusion")),
        server_picture_steps=2,
        server_picture_width=64,
        server_picture_height=64,
        server_background="segmentation",
        server_background_model=str(saved("segformer")),
        server_memory="24",
    )


@pytest.fixture
def server(settings: Settings, package: type[trellis_package.ImagePipeline], serve: Serve) -> str:
    return serve(generation_app(server_backend(settings.servers, REVISIONS), BytesCodec(), is_lazy=True))


def post(url: str, **form: str) -> httpx.Response:
    return httpx.post(f"{url}/generate/", data={"seed": "7"} | form, timeout=60)


def test_answer_names_the_pictures_and_the_server_hands_them_out(
    server: str, package: type[trellis_package.ImagePipeline]
) -> None:
    answer = post(server, prompt="a red vase")
    assert answer.status_code == 200
    assert len(decode_splats(answer.content)) == 7500
    assert answer.headers["x-model-pictures"] == "picture,cut"
    model = f"{server}/models/{answer.headers['x-model-id']}"
    picture, cut = (Image.open(io.BytesIO(httpx.get(f"{model}/{n}.png").content)) for n in ("picture", "cut"))
    assert picture.size == (64, 64)
    # What is handed out as the cut is what TRELLIS was given.
    assert (np.asarray(cut) == np.asarray(package.given[0])).all()
    # A repeated request names the same pictures without making them again.
    again = post(server, prompt="a red vase")
    assert again.headers["x-model-id"] == answer.headers["x-model-id"]
    assert len(package.given) == 1
    assert httpx.get(f"{server}/models/{'0' * 32}/cut.png").status_code == 404
    assert httpx.get(f"{model}/other.png").status_code == 422


def test_answer_says_what_the_model_was_made_with_the_repeated_one_too(server: str) -> None:
    for _ in range(2):
        answer = post(server, prompt="a red vase", ss_sampling_steps="3", guidance_scale="2")
        used = read_header(answer.headers["x-model-settings"])
        assert used == UsedSettings(Sampling(3, 8.5, 14, 9.0, 2.0), Route.PICTURE)


def test_all_models_are_tried_at_the_start_and_health_says_so(
    settings: Settings, package: type[trellis_package.ImagePipeline], serve: Serve
) -> None:
    url = serve(generation_app(server_backend(settings.servers, REVISIONS), BytesCodec()))
    wait_until(lambda: httpx.get(f"{url}/health/").status_code == 200, "the models are loaded", 60)
    loaded = httpx.get(f"{url}/status/").json()["models_loaded"]
    assert [name.split(":")[0] for name in loaded] == ["picture", "cut", "image"]
    broken = settings.changed(server_picture_model="/nowhere")
    url = serve(generation_app(server_backend(broken.servers, REVISIONS), BytesCodec()))
    wait_until(lambda: httpx.get(f"{url}/health/").json()["status"] == "failed", "the fault shows", 60)
    health = httpx.get(f"{url}/health/")
    assert health.status_code == 503
    assert "the picture model /nowhere cannot be loaded" in health.json()["detail"]


def test_guidance_of_the_form_changes_the_picture(server: str) -> None:
    ids = [
        post(server, prompt="a red vase", guidance_scale=scale).headers["x-model-id"] for scale in ("1", "9")
    ]
    first, second = (httpx.get(f"{server}/models/{name}/picture.png").content for name in ids)
    assert first != second


def test_server_tells_its_routes_and_models(server: str) -> None:
    config = httpx.get(f"{server}/config/").json()
    assert config["routes"] == ["picture"]
    assert config["default_route"] == "picture"
    assert config["picture"]["steps"] == 2
    assert config["cut"]["method"] == "segmentation"
    assert config["memory"]["profile"] == "24"
    post(server, prompt="a red vase")
    status = httpx.get(f"{server}/status/").json()
    assert status["routes"] == ["picture"]
    assert [name.split(":")[0] for name in status["models_loaded"]] == ["picture", "cut", "image"]


def test_route_that_a_server_lacks_is_its_own_fault_and_hands_no_task_back(server: str, serve: Serve) -> None:
    embedded = serve(generation_app(EmbeddedBackend(), BytesCodec()))
    for url, route in ((embedded, "picture"), (server, "direct")):
        answer = post(url, prompt="a red vase", route=route)
        assert answer.status_code == 501
        assert f"no {route} route" in answer.text
    generator = HttpGenerator([embedded], timeout_s=20, route=Route.PICTURE)
    with pytest.raises(EndpointFaultError, match="TRELLIS_SERVER_PICTURE_MODEL"):
        generator.generate("a vase", kind=TaskKind.TEXT, seed=7, endpoint=generator.endpoints[0])
    assert post(embedded, prompt="a vase", route="sideways").status_code == 422


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"server_picture_model": ""}, "TRELLIS_SERVER_PICTURE_MODEL"),
        ({"image_model": "-", "text_model": "words"}, "TRELLIS_IMAGE_MODEL"),
        ({"server_background_model": ""}, "TRELLIS_SERVER_BACKGROUND_MODEL"),
    ],
)
def test_route_that_is_half_set_up_is_refused_at_the_start(
    settings: Settings, changes: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        server_backend(settings.changed(**changes).servers, REVISIONS)


@pytest.mark.parametrize("commit", ["main", "v1.0", "0" * 39, "G" * 40])
def test_code_of_a_repository_wants_a_whole_commit(commit: str) -> None:
    with pytest.raises(SettingsError, match="40 hexadecimal digits"):
        Settings.load(server_background_code=commit)


@pytest.fixture
def pipeline(tmp_path: Path, server: str) -> Pipeline:
    chosen = {"generator": "http", "generator_urls": server, "generator_route": "picture"}
    return Pipeline(Settings.load(data_dir=tmp_path, **chosen))


@pytest.fixture
def task(pipeline: Pipeline) -> Task:
    """A text task of a real store whose model was made on the picture route."""
    pulled = a_pulled_task("t1", "a red vase")
    arrival = pipeline.store.arrivals.record(
        pulled, validator=a_validator(1), miner_hotkey=MINER, now=pipeline.clock.now(), session_id=None
    )
    made = pipeline.mining.generate_step().run(arrival.task.key, "run")
    assert made is not None
    assert made.generation is not None, made.reason
    return made


def test_picture_cut_and_model_of_a_task_are_stored_together(pipeline: Pipeline, task: Task) -> None:
    made = pipeline.store.tasks.get(task.key).generation
    assert made is not None
    assert made.picture is not None
    assert made.cut is not None
    picture, cut = (Image.open(io.BytesIO(pipeline.files.read(file))) for file in (made.picture, made.cut))
    assert picture.mode == "RGB"
    assert cut.mode == "RGBA"
    assert decode_splats(pipeline.files.read(made.spz))


def test_run_shows_the_picture_and_its_cut_side_by_side(pipeline: Pipeline, task: Task) -> None:
    row = pipeline.mining.made_from_step().run(task)
    assert row is not None
    assert Image.open(io.BytesIO(row)).size == (512, 256)
    assert task.generation is not None
    assert task.generation.cut is not None
    pipeline.files.delete(task.generation.cut.path)
    assert MadeFromStep(pipeline.files, webp_row).run(task) is None


def test_page_of_the_model_shows_what_it_was_made_from(pipeline: Pipeline, task: Task, serve: Serve) -> None:
    url = serve(guarded_gallery(pipeline.reports.gallery_parts(), host="127.0.0.1", token=None))
    page = httpx.get(f"{url}/models/{task.key}").text
    for kind in ("picture", "cut"):
        address = f"/models/{task.key}/made-from/{kind}.webp"
        assert f'src="{address}"' in page
        answer = httpx.get(url + address)
        assert answer.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(answer.content)).format == "WEBP"
    assert httpx.get(f"{url}/models/{task.key}/made-from/spz.webp").status_code in {404, 422}


def test_pictures_go_with_their_model_and_not_before(pipeline: Pipeline, task: Task) -> None:
    assert task.generation is not None
    assert task.generation.picture is not None
    store, engine = pipeline.store, pipeline.database.engine
    clock = FakeClock(task.generation.finished_at)
    maintain = MaintainStep(store.retention, store.candidates, pipeline.files, clock, RetentionPolicy())
    clock.advance(2 * 86_400)
    maintain.run()
    assert pipeline.files.read(task.generation.picture)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE tasks SET finished_at = pulled_at")
    clock.advance(20 * 86_400)
    assert maintain.run().models == 1
    for file in (task.generation.spz, task.generation.picture, task.generation.cut):
        assert file is not None
        with pytest.raises(MissingFileError):
            pipeline.files.read(file)
    assert pipeline.database.catalogue.model(task.key) is None
    left = store.tasks.get(task.key).generation
    assert left is not None
    assert left.picture is left.cut is None
