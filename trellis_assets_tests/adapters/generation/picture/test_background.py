"""Cutting the object out: a white background without any network, and real segmentation classes."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from trellis_assets.adapters.generation.picture.background import WhiteCutter, cut_out, load_cutter
from trellis_assets.adapters.generation.picture.segmentation import SegmentationCutter
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.picture_route import Background, CutSettings
from trellis_assets.ports import GenerationError
from trellis_assets_tests.saved_networks import Saved

ANY = Revisions(None)


def ring_on(background: int) -> NDArray[np.uint8]:
    """Return a dark ring whose inside is as white as paper, on a background of this grey."""
    picture = np.full((64, 64, 4), 255, np.uint8)
    y, x = np.mgrid[:64, :64]
    radius = np.hypot(y - 32, x - 32)
    picture[radius > 20, :3] = background
    picture[(radius <= 20) & (radius > 10), :3] = 40
    return picture


def test_white_around_the_object_goes_and_white_inside_it_stays() -> None:
    alpha = cut_out(ring_on(250), WhiteCutter())[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[32, 32] == 255
    assert alpha[32, 32 + 15] == 255


def test_grey_background_is_left_to_trellis() -> None:
    picture = ring_on(120)
    assert (cut_out(picture, WhiteCutter()) == picture).all()


def test_picture_with_an_alpha_of_its_own_keeps_it(saved: Saved) -> None:
    cutter = load_cutter(CutSettings(Background.SEGMENTATION, str(saved("segformer"))), "cpu", ANY)
    picture = ring_on(250)
    picture[:20, :, 3] = 0
    assert (cut_out(picture, cutter) == picture).all()


class Blind:
    """Finds nothing."""

    def alpha(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.zeros(picture.shape[:2], np.uint8)

    def to(self, device: str) -> None:
        """It is nowhere."""


def test_where_the_network_finds_nothing_a_white_background_is_tried() -> None:
    assert (cut_out(ring_on(250), Blind()) == cut_out(ring_on(250), WhiteCutter())).all()
    assert (cut_out(ring_on(120), Blind()) == ring_on(120)).all()


@pytest.mark.parametrize("kind", ["segformer", "segformer_of_one_class", "segformer_of_named_classes"])
def test_segmentation_class_of_transformers_cuts_in_the_size_of_the_picture(saved: Saved, kind: str) -> None:
    cutter = load_cutter(CutSettings(Background.SEGMENTATION, str(saved(kind))), "cpu", ANY)
    picture = ring_on(200)[:48]
    alpha = cutter.alpha(picture)
    assert alpha.shape == (48, 64)
    assert (cutter.alpha(picture) == alpha).all()
    # The random networks were given sharp answers.
    assert int(alpha.max()) - int(alpha.min()) > 100


def test_alpha_is_the_probability_of_the_object_that_the_network_gives(saved: Saved) -> None:
    import torch
    from transformers import AutoModelForSemanticSegmentation

    folder = saved("segformer_of_named_classes")
    picture = ring_on(200)
    model = AutoModelForSemanticSegmentation.from_pretrained(folder)
    values = (picture[..., :3] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    tensor = torch.tensor(values.transpose(2, 0, 1)[None], dtype=torch.float32)
    with torch.no_grad():
        logits = torch.nn.functional.interpolate(model(tensor).logits.softmax(1), (64, 64), mode="bilinear")
    # The background is the class of that name, which is not the first one here.
    expected = 255 * (1 - logits[0, 1].numpy())
    alpha = load_cutter(CutSettings(Background.SEGMENTATION, str(folder)), "cpu", ANY).alpha(picture)
    assert np.abs(alpha - expected).max() <= 1


def test_network_of_many_things_without_a_background_is_no_cutter(saved: Saved) -> None:
    cutter = load_cutter(CutSettings(Background.SEGMENTATION, str(saved("segformer_of_things"))), "cpu", ANY)
    with pytest.raises(GenerationError, match="none of which is the background"):
        cutter.alpha(ring_on(200))


def test_list_of_masks_is_read_as_birefnet_answers_it() -> None:
    import torch

    def answers(tensor: torch.Tensor) -> list[torch.Tensor]:
        fine = torch.full((1, 1, *tensor.shape[-2:]), -30.0)
        fine[..., 16:48, 16:48] = 30.0
        return [torch.zeros(1, 1, 8, 8), fine]

    size = {"height": 64, "width": 64}
    alpha = SegmentationCutter(answers, {"size": size}, "cpu", torch.float32).alpha(ring_on(200))
    assert alpha[32, 32] == 255
    assert alpha[2, 2] == 0


AUTO_CLASSES = ("AutoConfig", "AutoModelForSemanticSegmentation", "AutoModelForImageSegmentation")


def with_code(folder: Path, into: Path) -> Path:
    """Return the network as a repository that wants its own Python code to be run."""
    for file in folder.iterdir():
        (into / file.name).write_bytes(file.read_bytes())
    config = json.loads((into / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": dict.fromkeys(AUTO_CLASSES, "own_code.Own")}
    (into / "config.json").write_text(json.dumps(config))
    (into / "own_code.py").write_text(f"open({str(into / 'ran')!r}, 'w').close()\n")
    return into


def test_code_of_a_repository_does_not_run_unless_its_commit_is_named(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = with_code(saved("segformer"), tmp_path)
    with pytest.raises(GenerationError, match="cannot be loaded") as failure:
        load_cutter(CutSettings(Background.SEGMENTATION, str(folder)), "cpu", ANY)
    assert not failure.value.is_transient
    assert not (tmp_path / "ran").exists()
    # With it the code does run, so that it is the setting that keeps it from running.
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    with pytest.raises(GenerationError, match="Own"):
        load_cutter(CutSettings(Background.SEGMENTATION, str(folder), code_revision="0" * 40), "cpu", ANY)
    assert (tmp_path / "ran").exists()


def test_missing_package_is_reported_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rembg", None)
    with pytest.raises(GenerationError, match="rembg") as failure:
        load_cutter(CutSettings(Background.REMBG), "cpu", ANY)
    assert not failure.value.is_transient


def test_rembg_that_exits_without_its_runtime_ends_no_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import importlib

    def leaves(name: str) -> object:
        raise SystemExit(1)

    monkeypatch.setattr(importlib, "import_module", leaves)
    with pytest.raises(GenerationError, match=r"rembg cannot be imported \(SystemExit: 1\)"):
        load_cutter(CutSettings(Background.REMBG), "cpu", ANY)
