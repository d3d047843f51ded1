"""TRELLIS's backend over a stand-in for its package, with torch modules where TRELLIS has them."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from trellis_assets.adapters.generation.trellis.conversion import splats_of
from trellis_assets.adapters.prompt_lists import default_pictures
from trellis_assets.domain.generation_requests import (
    GenerationRequest,
    GenerationStoppedError,
    Route,
    Sampling,
)
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.splats.splats import SH_C0
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError
from trellis_assets_tests.trellis_package import take_weights_by_name, trellis_backend

MODELS = {TaskKind.TEXT: "text-weights", TaskKind.IMAGE: "image-weights"}


def gaussian(count: int = 8) -> Any:
    """As TRELLIS decodes it: +Z up, activated."""
    rotation = torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1)
    return SimpleNamespace(
        get_xyz=torch.tensor([[0.1, 0.2, 0.3]]).repeat(count, 1),
        get_scaling=torch.tensor([[0.01, 0.02, 0.03]]).repeat(count, 1),
        get_rotation=rotation,
        get_opacity=torch.full((count, 1), 0.75),
        get_features=torch.tensor([[[1.0, 0.0, -1.0]]]).repeat(count, 1, 1),
    )


class StandInPipeline:
    """The methods of TRELLIS's pipelines that are called; each sampler calls its model twice a step."""

    loaded: ClassVar[list[str]] = []
    full_memory = False
    is_empty = False

    def __init__(self) -> None:
        names = ("sparse_structure_flow_model", "slat_flow_model")
        self.models = {name: torch.nn.Identity() for name in names}
        self.calls: list[Any] = []
        self.sparse_structure_sampler_params = {"steps": 25, "cfg_strength": 7.5}
        self.slat_sampler_params = {"steps": 20, "cfg_strength": 7.5}

    @classmethod
    def from_pretrained(cls, path: str) -> "StandInPipeline":
        if path == "nowhere":
            raise OSError("no such folder")
        cls.loaded.append(path)
        return cls()

    def to(self, device: str) -> None:
        self.device = device

    def preprocess_image(self, picture: Any) -> Any:
        assert picture.mode == "RGBA"
        return picture

    def get_cond(self, prompts: list[Any]) -> dict[str, Any]:
        return {"cond": prompts[0]}

    def sample_sparse_structure(self, cond: Any, count: int, params: dict[str, Any]) -> torch.Tensor:
        if self.full_memory:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")
        self._sample("sparse_structure_flow_model", params)
        return torch.zeros((0 if self.is_empty else 5, 4))

    def sample_slat(self, cond: Any, coords: Any, params: dict[str, Any]) -> torch.Tensor:
        self._sample("slat_flow_model", params)
        return torch.rand(1)

    def decode_slat(self, slat: torch.Tensor, formats: list[str]) -> dict[str, Any]:
        assert formats == ["gaussian"]
        made = gaussian()
        made.get_xyz = made.get_xyz + slat
        return {"gaussian": [made]}

    def _sample(self, name: str, params: dict[str, Any]) -> None:
        self.calls.append(params)
        for _ in range(2 * int(params["steps"])):
            self.models[name](torch.zeros(1))


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> type[StandInPipeline]:
    stand_in = type("Pipeline", (StandInPipeline,), {"loaded": []})
    pipelines = ModuleType("trellis.pipelines")
    pipelines.TrellisTextTo3DPipeline = pipelines.TrellisImageTo3DPipeline = stand_in  # type: ignore[attr-defined]
    take_weights_by_name(monkeypatch)
    monkeypatch.setitem(sys.modules, "trellis", ModuleType("trellis"))
    monkeypatch.setitem(sys.modules, "trellis.pipelines", pipelines)
    return stand_in


def a_request(prompt: str = "a vase", kind: TaskKind = TaskKind.TEXT, **changes: Any) -> GenerationRequest:
    return GenerationRequest(prompt, kind, **({"seed": 7} | changes))


def ignore(_: str, __: float) -> None:
    """Watches nothing."""


def test_z_up_becomes_y_up_in_positions_and_rotations_alike() -> None:
    splats = splats_of(gaussian())
    assert splats.positions[0] == pytest.approx([0.1, 0.3, -0.2])
    w, x, y, z = splats.rotations[0]
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    assert turn @ [0.1, 0.2, 0.3] == pytest.approx(splats.positions[0], abs=1e-6)


def test_activated_values_become_stored_ones() -> None:
    splats = splats_of(gaussian())
    assert splats.scales[0] == pytest.approx([0.01, 0.02, 0.03])
    assert splats.opacities == pytest.approx(0.75)
    assert splats.colours[0] == pytest.approx([0.5 + SH_C0, 0.5, 0.5 - SH_C0])


def test_full_opacity_stays_finite() -> None:
    made = gaussian()
    made.get_opacity = torch.tensor([[0.0], [1.0]] * 4)
    assert np.isfinite(splats_of(made).opacity_logits).all()


def test_each_pipeline_is_loaded_once_at_its_first_request(package: type[StandInPipeline]) -> None:
    backend = trellis_backend(MODELS)
    assert backend.state().models_loaded == ()
    for prompt, kind in [("a", TaskKind.TEXT), ("b", TaskKind.TEXT), (default_pictures()[0], TaskKind.IMAGE)]:
        backend.generate(a_request(prompt, kind), ignore)
    assert package.loaded == ["text-weights", "image-weights"]
    assert backend.state().models_loaded == ("text: text-weights", "image: image-weights")
    backend.unload()
    assert backend.state().models_loaded == ()
    backend.generate(a_request(), ignore)
    assert package.loaded[-1] == "text-weights"


def test_the_same_seed_gives_the_same_model(package: type[StandInPipeline]) -> None:
    backend = trellis_backend(MODELS)
    first, again, other = (backend.generate(a_request(seed=seed), ignore) for seed in (1, 1, 2))
    assert (first.positions == again.positions).all()
    assert (first.positions != other.positions).any()


def test_sampler_settings_are_handed_on_and_default_to_the_pipelines(package: type[StandInPipeline]) -> None:
    backend = trellis_backend(MODELS)
    backend.generate(a_request(sampling=Sampling(ss_steps=3, slat_guidance=0.0)), ignore)
    pipeline = backend._pipelines[TaskKind.TEXT]
    assert pipeline.calls == [{"steps": 3}, {"steps": 20, "cfg_strength": 0.0}]


def test_settings_tuned_for_pictures_are_used_for_pictures_alone(package: type[StandInPipeline]) -> None:
    backend = trellis_backend(MODELS)
    backend.generate(a_request(default_pictures()[0], TaskKind.IMAGE), ignore)
    backend.generate(a_request(), ignore)
    tuned, own = (backend._pipelines[kind].calls for kind in (TaskKind.IMAGE, TaskKind.TEXT))
    assert tuned == [{"steps": 13, "cfg_strength": 8.5}, {"steps": 14, "cfg_strength": 9.0}]
    assert own == [{"steps": 25}, {"steps": 20}]


def test_parked_pipelines_return_to_the_device_for_their_next_request(
    package: type[StandInPipeline],
) -> None:
    backend = trellis_backend(MODELS, device="meta")
    backend.generate(a_request(), ignore)
    pipeline = backend._pipelines[TaskKind.TEXT]
    backend.park()
    assert pipeline.device == "cpu"
    backend.generate(a_request(), ignore)
    assert pipeline.device == "meta"
    assert package.loaded == ["text-weights"]


def test_progress_runs_from_stage_to_stage(package: type[StandInPipeline]) -> None:
    seen: list[tuple[str, float]] = []
    trellis_backend(MODELS).generate(
        a_request(sampling=Sampling(ss_steps=2, slat_steps=1)), lambda *step: seen.append(step)
    )
    assert seen == [
        ("loading", 0.0),
        ("reading the prompt", 0.0),
        *[("structure", share) for share in (0.25, 0.5, 0.75, 1.0)],
        *[("appearance", share) for share in (0.5, 1.0)],
        ("decoding", 1.0),
    ]


def test_job_is_cancelled_between_two_steps_of_a_sampler(package: type[StandInPipeline]) -> None:
    steps = []

    def watch(stage: str, share: float) -> None:
        steps.append(stage)
        if len(steps) == 5:
            raise GenerationStoppedError("called off")

    backend = trellis_backend(MODELS)
    with pytest.raises(GenerationStoppedError):
        backend.generate(a_request(), watch)
    assert steps[-1] == "structure"
    # Nothing of the watching stays on the model.
    backend.generate(a_request(), ignore)
    assert len(steps) == 5


def test_full_gpu_memory_is_a_passing_failure_that_unloads_everything(package: type[StandInPipeline]) -> None:
    backend = trellis_backend(MODELS)
    backend.generate(a_request(), ignore)
    package.full_memory = True
    with pytest.raises(GenerationError, match="memory is full: CUDA out of memory") as failure:
        backend.generate(a_request(), ignore)
    assert failure.value.is_transient
    assert backend.state().models_loaded == ()
    package.full_memory = False
    backend.generate(a_request(), ignore)


def test_a_prompt_that_gives_nothing_is_a_lasting_failure(package: type[StandInPipeline]) -> None:
    package.is_empty = True
    with pytest.raises(GenerationError, match="structure is empty") as failure:
        trellis_backend(MODELS).generate(a_request(), ignore)
    assert not failure.value.is_transient


def test_missing_trellis_is_reported_with_how_to_install_it() -> None:
    with pytest.raises(GenerationError, match=r"github\.com/microsoft/TRELLIS"):
        trellis_backend(MODELS).generate(a_request(), ignore)


def test_missing_weights_are_named(package: type[StandInPipeline]) -> None:
    with pytest.raises(GenerationError, match="nowhere cannot be loaded") as failure:
        trellis_backend({TaskKind.TEXT: "nowhere"}).generate(a_request(), ignore)
    assert not failure.value.is_transient


def test_a_picture_that_cannot_be_read_is_refused(package: type[StandInPipeline]) -> None:
    with pytest.raises(GenerationError, match="no PNG"):
        trellis_backend(MODELS).generate(a_request("aGVsbG8=", TaskKind.IMAGE), ignore)


def test_backend_says_what_the_samplers_were_given_with_the_pipelines_own(
    package: type[StandInPipeline],
) -> None:
    backend = trellis_backend(MODELS)
    words = a_request(sampling=Sampling(ss_steps=3, slat_guidance=2.5))
    backend.generate(words, ignore)
    given = UsedSettings(Sampling(3, 7.5, 20, 2.5), Route.DIRECT)
    assert backend.used_settings(words) == given
    assert backend.used_settings(a_request("another")) is None
    picture = a_request(default_pictures()[0], TaskKind.IMAGE)
    backend.generate(picture, ignore)
    assert backend.used_settings(picture) == UsedSettings(Sampling(13, 8.5, 14, 9.0))
