"""The neural validator with small random networks in place of the published ones."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.validation.neural import networks, validator, weights
from trellis_assets.adapters.validation.neural.formula import NeuralParts, combined
from trellis_assets.adapters.validation.neural.validator import NeuralValidator
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import ValidationUnavailableError
from trellis_assets.prompts import default_pictures
from trellis_assets.settings import SettingsError
from trellis_assets_tests.adapters.validation import small_networks
from trellis_assets_tests.fakes import FakeClock
from trellis_assets_tests.models import a_ball

SPZ = encode_spz(a_ball())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small_networks.allow_torchvision_without_operators()
    path = tmp_path_factory.mktemp("weights") / "weights"
    small_networks.write_weights(path)
    return path


@pytest.fixture
def judge(folder: Path, monkeypatch: pytest.MonkeyPatch) -> NeuralValidator:
    build = networks.TextAlignment
    monkeypatch.setattr(
        validator, "TextAlignment", lambda w, device: build(w, device, small_networks.ARCHITECTURE)
    )
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


def test_the_prompt_counts(folder: Path) -> None:
    clip = networks.TextAlignment(weights.Weights(folder), "cpu", small_networks.ARCHITECTURE)
    one, other = (clip.cosines(views(), prompt) for prompt in ("a ball", "a blue sailboat"))
    assert one.shape == (4,)
    assert np.abs(one).max() <= 1
    assert not np.allclose(one, other)


def test_a_picture_fits_itself_best(folder: Path) -> None:
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


def test_missing_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"lacks open_clip_model\.safetensors, LLM2CLIP"):
        NeuralValidator(FakeClock(), weights_dir=tmp_path)


def test_missing_packages_are_told_with_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
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
