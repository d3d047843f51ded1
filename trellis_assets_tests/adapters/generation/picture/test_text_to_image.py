"""Words to a picture: real pipelines of diffusers, small and untrained, loaded as published ones are."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trellis_assets.adapters.generation.picture.memory import Offload
from trellis_assets.adapters.generation.picture.text_to_image import (
    accepted,
    load_text_to_image,
    make_picture,
)
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.generation_requests import GenerationRequest, GenerationStoppedError, Sampling
from trellis_assets.domain.picture_route import PictureSettings
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError, PromptRefusedError
from trellis_assets_tests.saved_networks import Saved

ANY = Revisions(None)


def settings(folder: Path, **changes: Any) -> PictureSettings:
    return replace(PictureSettings(str(folder), steps=3, width=64, height=48), **changes)


def a_request(prompt: str = "a vase", seed: int = 7, **sampling: Any) -> GenerationRequest:
    return GenerationRequest(prompt, TaskKind.TEXT, seed, Sampling(**sampling))


def ignore(_: str, __: float) -> None:
    """Watches nothing."""


def drawn(wanted: PictureSettings, asked: GenerationRequest) -> NDArray[np.uint8]:
    pipeline = load_text_to_image(wanted, "cpu", Offload.NONE, ANY)
    return make_picture(pipeline, asked, wanted, ignore)


@pytest.mark.parametrize("kind", ["stable_diffusion", "flux"])
def test_real_pipeline_makes_a_picture_that_its_seed_and_words_decide(saved: Saved, kind: str) -> None:
    wanted = settings(saved(kind), negative="ugly")
    first = drawn(wanted, a_request())
    assert first.shape == (48, 64, 4)
    assert (first[..., 3] == 255).all()
    assert (drawn(wanted, a_request()) == first).all()
    assert (drawn(wanted, a_request(seed=8)) != first).any()
    assert (drawn(wanted, a_request("a red chair")) != first).any()


def test_guidance_of_the_request_reaches_the_pipeline(saved: Saved) -> None:
    wanted = settings(saved("stable_diffusion"))
    own = drawn(wanted, a_request(image_guidance=9.0))
    assert (own != drawn(wanted, a_request())).any()
    assert (own == drawn(replace(wanted, guidance=9.0), a_request())).all()


def test_template_surrounds_the_words(saved: Saved) -> None:
    wanted = settings(saved("stable_diffusion"), template="{prompt} on white")
    assert (
        drawn(wanted, a_request("x")) == drawn(replace(wanted, template="{prompt}"), a_request("x on white"))
    ).all()


def test_braces_in_a_prompt_are_not_a_template(saved: Saved) -> None:
    assert drawn(settings(saved("stable_diffusion")), a_request("{0} {prompt} {x!r}")).shape == (48, 64, 4)


def test_each_step_is_reported_and_a_job_is_cancelled_between_two(saved: Saved) -> None:
    wanted = settings(saved("flux"))
    pipeline = load_text_to_image(wanted, "cpu", Offload.NONE, ANY)
    seen: list[float] = []
    make_picture(pipeline, a_request(), wanted, lambda stage, share: seen.append(share))
    assert seen == pytest.approx([0, 1 / 3, 2 / 3, 1])

    def stop(stage: str, share: float) -> None:
        if share > 0.5:
            raise GenerationStoppedError("called off")

    with pytest.raises(GenerationStoppedError):
        make_picture(pipeline, a_request(), wanted, stop)


def test_a_folder_with_one_pickle_in_it_is_not_loaded(saved: Saved) -> None:
    folder = saved("stable_diffusion_with_a_pickle")
    with pytest.raises(GenerationError, match="safetensors") as failure:
        load_text_to_image(settings(folder), "cpu", Offload.NONE, ANY)
    assert not failure.value.is_transient


def test_code_of_a_pipelines_folder_does_not_run(saved: Saved, tmp_path: Path) -> None:
    folder = shutil.copytree(saved("stable_diffusion"), tmp_path / "pipeline")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": ["own_code", "Own"]}))
    (folder / "own_code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(GenerationError, match="cannot be loaded"):
        load_text_to_image(settings(folder), "cpu", Offload.NONE, ANY)
    assert not (tmp_path / "ran").exists()


def test_missing_weights_are_named_with_what_to_check(saved: Saved, tmp_path: Path) -> None:
    saved("stable_diffusion")
    with pytest.raises(GenerationError, match="check its name, revision and files") as failure:
        load_text_to_image(settings(tmp_path / "nowhere"), "cpu", Offload.NONE, ANY)
    assert not failure.value.is_transient


def test_missing_library_is_reported_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(GenerationError, match=r"pip install 'trellis-assets\[picture\]'"):
        load_text_to_image(settings(Path("any")), "cpu", Offload.NONE, ANY)


def test_arguments_that_a_pipeline_does_not_know_are_left_out() -> None:
    class Plain:
        def __call__(self, prompt: str, num_inference_steps: int = 1) -> None: ...

    wanted = {"prompt": "x", "num_inference_steps": 2, "negative_prompt": "y", "guidance_scale": None}
    assert accepted(Plain(), wanted) == {"prompt": "x", "num_inference_steps": 2}


def test_picture_that_the_safety_checker_blacked_out_is_a_fault_of_the_prompt() -> None:
    pytest.importorskip("torch")

    class Checked:
        images = ()
        nsfw_content_detected = (True,)

        def __call__(self, prompt: str) -> "Checked":
            return self

    with pytest.raises(PromptRefusedError, match="safety checker"):
        make_picture(Checked(), a_request(), settings(Path("any")), ignore)
