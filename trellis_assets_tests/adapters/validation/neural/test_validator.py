"""The neural validator with small random networks in place of the published ones."""

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from trellis_assets.adapters.prompt_lists import default_pictures
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.validation.neural import networks, validator, weights
from trellis_assets.adapters.validation.neural.formula import NeuralParts, combined
from trellis_assets.adapters.validation.neural.lpips import ALEXNET_FILE
from trellis_assets.adapters.validation.neural.validator import NeuralValidator
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import ValidationUnavailableError
from trellis_assets.settings import SettingsError
from trellis_assets.testing.fakes import FakeClock
from trellis_assets.testing.splats import a_ball
from trellis_assets_tests.adapters.validation import small_networks

SPZ = encode_spz(a_ball())
NETWORKS = (networks.TextAlignment, networks.PictureAlignment, networks.Quality, networks.Similarity)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "weights"
    small_networks.write_weights(path)
    return path


@pytest.fixture
def judge(folder: Path) -> NeuralValidator:
    return NeuralValidator(FakeClock(), weights_dir=folder, device="cpu")


def views(count: int = 4, side: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("kind", "prompt"), [(TaskKind.TEXT, "a ball"), (TaskKind.IMAGE, default_pictures()[0])]
)
def test_the_score_is_the_formula_over_the_parts(judge: NeuralValidator, kind: TaskKind, prompt: str) -> None:
    verdict = judge.validate(SPZ, prompt=prompt, kind=kind)
    assert verdict.validator == "neural 2.4"
    assert set(verdict.parts) == {"iqa", "alignment", "ssim", "lpips"}
    assert verdict.score == pytest.approx(min(1, combined(NeuralParts(**verdict.parts))))
    assert 0 < verdict.parts["iqa"] < 1
    assert 0.5 < verdict.parts["ssim"] <= 1
    again = judge.validate(SPZ, prompt=prompt, kind=kind)
    assert again.parts == pytest.approx(dict(verdict.parts))


def test_score_depends_on_the_prompt(folder: Path) -> None:
    clip = networks.TextAlignment(weights.Weights(folder), "cpu")
    one, other = (clip.cosines(views(), prompt) for prompt in ("a ball", "a blue sailboat"))
    assert one.shape == (4,)
    assert np.abs(one).max() <= 1
    assert not np.allclose(one, other)


def test_picture_is_most_similar_to_itself(folder: Path) -> None:
    clip = networks.PictureAlignment(weights.Weights(folder), "cpu")
    pictures = views(4, 336)
    cosines = clip.cosines(pictures, pictures[2:3])
    assert cosines[2] == pytest.approx(1, abs=1e-5)
    assert cosines.argmax() == 2


def test_quality_is_the_sigmoid_of_the_linear_head_on_the_class_token(folder: Path) -> None:
    from transformers import Dinov2Model

    images = views(2, 518)
    backbone = Dinov2Model.from_pretrained(folder / weights.BACKBONE_FOLDER).eval()
    head = load_file(folder / weights.HEAD_FILE)
    tuned = {k.removeprefix("backbone."): v for k, v in head.items() if k.startswith("backbone.")}
    backbone.load_state_dict(tuned)
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    with torch.no_grad():
        token = backbone(pixel_values=(images - mean) / deviation).last_hidden_state[:, 0]
        wanted = torch.sigmoid(token @ head["score_head.weight"].T + head["score_head.bias"])
    found = networks.Quality(weights.Weights(folder), "cpu").scores(images)
    assert found == pytest.approx(wanted.reshape(-1).numpy(), abs=1e-5)


def test_equal_neighbours_are_alike_and_others_less_so(folder: Path) -> None:
    similarity = networks.Similarity(weights.Weights(folder), "cpu")
    pictures = views(3)
    pictures[1] = pictures[0]
    ssim, lpips = similarity.ssim(pictures), similarity.lpips(pictures)
    assert ssim[0] == pytest.approx(1, abs=1e-4)
    assert lpips[0] == pytest.approx(0, abs=1e-6)
    assert ssim[1] < 0.5
    assert lpips[1] > 1e-4
    # Nothing is carried over from one model to the next.
    assert similarity.ssim(pictures) == pytest.approx(ssim)


def test_a_model_that_fails_a_check_costs_no_network(folder: Path) -> None:
    small = encode_spz(a_ball(100))
    verdict = NeuralValidator(FakeClock(), weights_dir=folder).validate(
        small, prompt="a ball", kind=TaskKind.TEXT
    )
    assert (verdict.score, dict(verdict.parts)) == (0, {})
    assert "at least 7000" in verdict.failed_checks[0]


def test_a_picture_that_cannot_be_read_is_a_failed_check(judge: NeuralValidator) -> None:
    verdict = judge.validate(SPZ, prompt="no picture", kind=TaskKind.IMAGE)
    assert verdict.score == 0
    assert "not base64" in verdict.failed_checks[0]


def test_missing_weight_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"lacks open_clip_model\.safetensors, tokenizer\.json, LLM2CLIP"):
        NeuralValidator(FakeClock(), weights_dir=tmp_path)


def test_missing_packages_are_reported_with_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGES", ("open_clip", "a_package_that_is_not"))
    with pytest.raises(SettingsError, match=r"a_package_that_is_not.*pip install 'trellis-assets\[neural\]'"):
        NeuralValidator(FakeClock())


def test_a_head_of_other_names_is_unavailable_and_says_what_it_has(
    folder: Path, tmp_path: Path, judge: NeuralValidator
) -> None:
    other = tmp_path / "weights"
    shutil.copytree(folder, other, symlinks=True)
    save_file({"classifier.weight": torch.zeros(1, 32)}, other / weights.HEAD_FILE)
    judge._weights = replace(judge._weights, folder=other)
    with pytest.raises(ValidationUnavailableError, match=r"lacks score_head.bias.*classifier\.weight"):
        judge.validate(SPZ, prompt="a ball", kind=TaskKind.TEXT)


@pytest.mark.parametrize(("network", "part"), [("ssim", "ssim"), ("lpips", "lpips")])
def test_negative_similarity_is_no_number_for_the_subnet_and_a_failed_check_here(
    judge: NeuralValidator, monkeypatch: pytest.MonkeyPatch, network: str, part: str
) -> None:
    values = np.full(16, 0.5)
    values[:4] = -0.1
    monkeypatch.setattr(networks.Similarity, network, lambda *_: values)
    monkeypatch.setattr(networks.Quality, "scores", lambda *_: np.full(16, 0.5))
    verdict = judge.validate(SPZ, prompt="a ball", kind=TaskKind.TEXT)
    assert verdict.score == 0
    assert f"the views' {part} is a geometric mean with a negative value" in verdict.failed_checks[0]
    assert "iqa" in verdict.parts
    assert part not in verdict.parts


def test_a_picture_that_the_views_contradict_is_a_failed_check(
    judge: NeuralValidator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks.PictureAlignment, "cosines", lambda *_: np.linspace(-0.2, 0.9, 16))
    monkeypatch.setattr(networks.Quality, "scores", lambda *_: np.full(16, 0.5))
    verdict = judge.validate(SPZ, prompt=default_pictures()[0], kind=TaskKind.IMAGE)
    assert (verdict.score, "alignment" in verdict.failed_checks[0]) == (0, True)


def test_code_in_the_picture_networks_repository_is_not_run(folder: Path) -> None:
    networks.PictureAlignment(weights.Weights(folder), "cpu")
    assert (folder / weights.PICTURE_CLIP_FOLDER / "modeling_clip.py").exists()
    assert not (folder / weights.PICTURE_CLIP_FOLDER / small_networks.MARKER).exists()


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    "name",
    [
        f"{weights.TORCH_HUB_FOLDER}/checkpoints/{ALEXNET_FILE}",
        weights.CLIP_FILE,
        weights.HEAD_FILE,
        f"{weights.PICTURE_CLIP_FOLDER}/model.safetensors",
        f"{weights.PICTURE_CLIP_FOLDER}/pytorch_model.bin",
        f"{weights.BACKBONE_FOLDER}/pytorch_model.bin",
    ],
)
def test_a_pickle_under_the_name_of_a_weight_file_does_not_run(
    folder: Path, tmp_path: Path, name: str
) -> None:
    other, opened = tmp_path / "weights", tmp_path / "opened"
    shutil.copytree(folder, other)
    if name.endswith(".bin"):
        (other / name).with_name("model.safetensors").unlink()
    torch.save({"features.0.weight": Payload(opened)}, other / name)
    refused = 0
    for network in NETWORKS:
        try:
            network(weights.Weights(other), "cpu")
        except Exception:  # noqa: BLE001 - how it is refused is the library's choice
            refused += 1
    assert refused == 1
    assert not opened.exists()
    assert torch.load(io.BytesIO((other / name).read_bytes()), weights_only=False)
    assert opened.exists(), "the payload is one that runs where it is unpickled"


@pytest.mark.parametrize(
    ("network", "file", "dropped"),
    [
        (
            networks.PictureAlignment,
            f"{weights.PICTURE_CLIP_FOLDER}/model.safetensors",
            "visual_projection.weight",
        ),
        (networks.Quality, f"{weights.BACKBONE_FOLDER}/model.safetensors", "layernorm.weight"),
        (networks.TextAlignment, weights.CLIP_FILE, "visual.trunk.stem.0.bias"),
    ],
)
def test_a_tensor_that_is_missing_is_named_and_not_made_up(
    folder: Path, tmp_path: Path, network: Callable[..., object], file: str, dropped: str
) -> None:
    other = tmp_path / "weights"
    shutil.copytree(folder, other)
    tensors = load_file(other / file)
    del tensors[dropped]
    save_file(tensors, other / file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lack"):
        network(weights.Weights(other), "cpu")


def test_readiness_is_found_by_judging_and_what_it_loads_is_let_go(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks.Quality, "scores", lambda *_: np.full(16, 0.5))
    judge = NeuralValidator(FakeClock(), weights_dir=folder, device="cpu")
    seen = []
    cosines = networks.TextAlignment.cosines
    monkeypatch.setattr(networks.TextAlignment, "cosines", lambda *given: seen.append(1) or cosines(*given))
    assert judge.problem() is None
    assert judge.problem() is None
    assert len(seen) == 1, "found once, and kept"
    assert "_text" not in judge.__dict__


def test_readiness_says_what_is_wrong_and_looks_again_later(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "weights"
    shutil.copytree(folder, other)
    (other / weights.CLIP_FILE).write_bytes(b"cut off")
    judge = NeuralValidator(FakeClock(), weights_dir=other, device="cpu")
    assert "SafetensorError" in (judge.problem() or "")
    shutil.copy(folder / weights.CLIP_FILE, other)
    assert judge.problem() is not None
    monkeypatch.setattr(validator, "_PROBLEM_KEPT_S", -1.0)
    monkeypatch.setattr(networks.Quality, "scores", lambda *_: np.full(16, 0.5))
    assert judge.problem() is None
