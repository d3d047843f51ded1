"""The picture route's backend: which models are where, with real small networks on the CPU."""

import gc
import weakref
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trellis_assets.adapters.generation.picture import stages as stages_module
from trellis_assets.adapters.generation.picture.backend import PictureBackend
from trellis_assets.adapters.generation.picture.picture_cache import PictureCache, png_file
from trellis_assets.adapters.generation.picture.stages import Pictures, PictureStages
from trellis_assets.adapters.prompt_images import decode_prompt_image
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.generation_requests import (
    GenerationRequest,
    GenerationStoppedError,
    PictureKind,
    Route,
    Sampling,
)
from trellis_assets.domain.picture_route import Background, CutSettings, MemoryProfile, PictureSettings
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError, PictureRoute, PromptRefusedError
from trellis_assets_tests import trellis_package
from trellis_assets_tests.saved_networks import Saved
from trellis_assets_tests.trellis_package import ImagePipeline, trellis_backend

WORDS = GenerationRequest("a red vase", TaskKind.TEXT, 7)

ANY = Revisions(None)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> type[ImagePipeline]:
    return trellis_package.install(monkeypatch)


def ignore(_: str, __: float) -> None:
    """Watches nothing."""


def backend(
    saved: Saved,
    profile: MemoryProfile = MemoryProfile.GB_48,
    *,
    cut: CutSettings | None = None,
    models: dict[TaskKind, str] | None = None,
) -> PictureBackend:
    picture = PictureSettings(str(saved("stable_diffusion")), steps=2, width=64, height=64)
    cut = cut or CutSettings(Background.SEGMENTATION, str(saved("segformer")))
    trellis = trellis_backend(models or {TaskKind.IMAGE: "image-weights"})
    route = Route.PICTURE
    stages = PictureStages(picture, cut, "cpu", ANY)
    return PictureBackend(trellis, stages, profile=profile, device="cpu", default_route=route)


def test_words_become_a_picture_its_object_and_a_model(saved: Saved, package: type[ImagePipeline]) -> None:
    made_by = backend(saved)
    seen: list[str] = []
    splats = made_by.generate(WORDS, lambda stage, _: seen.append(stage) if stage not in seen else None)
    assert len(splats) == 7500
    assert seen[:3] == ["loading the picture model", "picture", "cutting"]
    assert seen[-3:] == ["structure", "appearance", "decoding"]
    files = made_by.pictures(WORDS.model_id)
    assert list(files) == [PictureKind.PICTURE, PictureKind.CUT]
    # TRELLIS was given what is kept as the cut, and it is square with the object in its middle.
    (given,) = package.given
    assert (np.asarray(given) == decode_prompt_image(b64encode(files[PictureKind.CUT]).decode())).all()
    assert given.width == given.height
    assert isinstance(made_by, PictureRoute)


def test_settings_tuned_for_pictures_and_the_requests_own_reach_trellis(
    saved: Saved, package: type[ImagePipeline]
) -> None:
    backend(saved).generate(WORDS, ignore)
    assert package.events[-2:] == ["structure in 13 steps of 8.5", "appearance in 14 steps of 9.0"]
    asked = GenerationRequest("a red vase", TaskKind.TEXT, 7, Sampling(ss_steps=3, slat_guidance=1.5))
    backend(saved).generate(asked, ignore)
    assert package.events[-2:] == ["structure in 3 steps of 8.5", "appearance in 14 steps of 1.5"]


def test_direct_route_goes_to_trellis_text_with_settings_of_its_own(
    saved: Saved, package: type[ImagePipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "get_cond", lambda self, prompts: torch.tensor([0.5, 0.5, 0.5]))
    made_by = backend(saved, models={TaskKind.TEXT: "text-weights", TaskKind.IMAGE: "image-weights"})
    direct = GenerationRequest("a red vase", TaskKind.TEXT, 7, route=Route.DIRECT)
    made_by.generate(direct, ignore)
    assert package.events[0] == "load text-weights"
    assert package.events[-2:] == ["structure in 25 steps of None", "appearance in 25 steps of None"]
    assert made_by.pictures(direct.model_id) == {}
    assert made_by.routes == {Route.DIRECT, Route.PICTURE}
    assert backend(saved).routes == {Route.PICTURE}


@pytest.mark.parametrize(
    ("profile", "loaded", "events"),
    [
        ("48", 3, []),
        ("24", 3, ["trellis to cpu", "trellis to cpu"]),
        ("16", 3, ["trellis to cpu", "trellis to cpu"]),
        ("8", 1, ["load image-weights", "trellis to cpu"]),
    ],
)
def test_second_request_finds_the_models_where_the_memory_plan_left_them(
    saved: Saved, package: type[ImagePipeline], profile: str, loaded: int, events: list[str]
) -> None:
    made_by = backend(saved, MemoryProfile(profile))
    made_by.generate(WORDS, ignore)
    assert len(made_by.state().models_loaded) == loaded
    package.events.clear()
    made_by.generate(GenerationRequest("a chair", TaskKind.TEXT, 8), ignore)
    # With 16 and 24 TRELLIS is parked and comes back; with 8 it is loaded anew.
    assert package.events[: len(events)] == events
    assert package.events[len(events)].startswith("structure")


def test_with_little_memory_the_picture_model_is_freed_before_trellis_is_loaded(
    saved: Saved, package: type[ImagePipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[Any] = []
    load = stages_module.load_text_to_image

    def loads(*arguments: Any) -> Any:
        pipeline = load(*arguments)
        alive.append(weakref.ref(pipeline.unet))
        return pipeline

    monkeypatch.setattr(stages_module, "load_text_to_image", loads)
    found: list[bool] = []

    def look(stage: str, _: float) -> None:
        if stage == "structure":
            gc.collect()
            found.append(alive[-1]() is not None)

    backend(saved, MemoryProfile.GB_8).generate(WORDS, look)
    assert found == [False]
    backend(saved, MemoryProfile.GB_48).generate(WORDS, look)
    assert found == [False, True]


def test_gpu_fault_in_the_picture_is_transient_once_and_then_permanent(
    saved: Saved, package: type[ImagePipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by = backend(saved)

    def fails(*_: Any) -> None:
        raise RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasGemmEx")

    monkeypatch.setattr(stages_module, "make_picture", fails)
    found = []
    for _ in range(2):
        with pytest.raises(GenerationError, match="GPU failed") as failure:
            made_by.generate(WORDS, ignore)
        found.append(failure.value.is_transient)
    assert found == [True, False]


def test_fault_of_the_pipeline_itself_is_no_fault_of_the_gpu(
    saved: Saved, package: type[ImagePipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(stages_module, "make_picture", fails)
    with pytest.raises(RuntimeError, match="shapes"):
        backend(saved).generate(WORDS, ignore)


def test_job_cancelled_in_the_picture_keeps_nothing(saved: Saved, package: type[ImagePipeline]) -> None:
    made_by = backend(saved, MemoryProfile.GB_8)

    def stop(stage: str, share: float) -> None:
        if share > 0:
            raise GenerationStoppedError("called off")

    with pytest.raises(GenerationStoppedError):
        made_by.generate(WORDS, stop)
    assert made_by.state().models_loaded == ()
    assert package.events == []


def test_full_memory_in_the_picture_unloads_everything_and_may_be_tried_again(
    saved: Saved, package: type[ImagePipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by = backend(saved)
    made_by.generate(WORDS, ignore)

    def full(*_: Any) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory\nmore")

    monkeypatch.setattr(stages_module, "make_picture", full)
    with pytest.raises(GenerationError, match="memory is full: CUDA out of memory") as failure:
        made_by.generate(GenerationRequest("a chair", TaskKind.TEXT, 8), ignore)
    assert failure.value.is_transient
    assert made_by.state().models_loaded == ()


def test_picture_prompt_is_cut_by_the_network_that_was_named(
    saved: Saved, package: type[ImagePipeline]
) -> None:
    picture = np.full((64, 64, 4), 255, np.uint8)
    picture[20:44, 10:54, :3] = (200, 40, 20)
    opaque = b64encode(png_file(picture)).decode()
    made_by = backend(saved)
    asked = GenerationRequest(opaque, TaskKind.IMAGE, 7)
    made_by.generate(asked, ignore)
    assert set(made_by.pictures(asked.model_id)) == {PictureKind.PICTURE, PictureKind.CUT}
    # Without a network of ours it goes to TRELLIS as it came.
    made_by = backend(saved, cut=CutSettings())
    with pytest.raises(AssertionError, match="rembg"):
        made_by.generate(asked, ignore)
    assert made_by.pictures(asked.model_id) == {}


@pytest.mark.parametrize("alpha", [0, 127])
def test_picture_prompt_that_shows_nothing_is_refused_before_trellis(
    saved: Saved, package: type[ImagePipeline], alpha: int
) -> None:
    picture = np.full((64, 64, 4), alpha, np.uint8)
    with pytest.raises(PromptRefusedError, match="no object"):
        backend(saved).generate(
            GenerationRequest(b64encode(png_file(picture)).decode(), TaskKind.IMAGE, 7), ignore
        )
    assert package.given == []


def test_pictures_of_the_last_few_requests_are_kept() -> None:
    kept = PictureCache(2)
    blank = np.zeros((4, 4, 4), np.uint8)
    requests = [GenerationRequest("x", TaskKind.TEXT, seed) for seed in range(3)]
    for request in requests:
        kept.keep(request, Pictures(blank, blank))
    assert [bool(kept.get(request.model_id)) for request in requests] == [False, True, True]


def test_faults_of_the_models_show_when_they_are_loaded_and_not_at_a_task(
    saved: Saved, tmp_path: Path
) -> None:
    broken = PictureStages(PictureSettings(str(tmp_path / "nowhere")), CutSettings(), "cpu", ANY)
    with pytest.raises(GenerationError, match="nowhere"):
        broken.load(backend(saved).plan)
    sound = PictureStages(PictureSettings(str(saved("stable_diffusion"))), CutSettings(), "cpu", ANY)
    sound.load(backend(saved).plan)
    assert len(sound.loaded) == 2
