"""Our networks against OpenCLIP, torchmetrics and torchvision themselves; run by `make test-neural`."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

open_clip = pytest.importorskip("open_clip", reason="OpenCLIP is not installed: `make test-neural` has it")

from trellis_assets.adapters.validation.neural import lpips, networks, weights  # noqa: E402
from trellis_assets.adapters.validation.neural.text_clip import TextClip  # noqa: E402
from trellis_assets_tests.adapters.validation import small_networks  # noqa: E402
from trellis_assets_tests.adapters.validation.neural import open_clip_weights  # noqa: E402

HARD_PROMPTS = (
    "A RED ball", "naïve café — 東京タワー", "don't  stop\tnow\n", "100% cotton 3D-print #42", "", "🙂 smile",
    " ".join(["very"] * 200) + " long", "it's we'll they're", "<b>bold</b> & more",
    "“curled” &amp;amp; mojibake schÃ¶n", "ﬁne ﬀ", "a\u00a0b\u200bc", "<|endoftext|> twice",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "weights"
    open_clip_weights.write_open_clip_weights(path)
    open_clip.add_model_config(path / f"{open_clip_weights.ARCHITECTURE}.json")
    return path


@pytest.fixture(scope="module")
def ours(folder: Path) -> TextClip:
    return TextClip(str(folder / weights.CLIP_FILE), str(folder / weights.TOKENIZER_FILE), "cpu")


def views(side: int) -> torch.Tensor:
    return torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_the_published_architecture_has_the_names_and_shapes_that_are_loaded() -> None:
    with torch.device("meta"):
        model = open_clip.model.CLIP(**open_clip.get_model_config("convnext_large_d"))
    published = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert published == small_networks.clip_shapes(
        depths=(3, 3, 27, 3),
        channels=(192, 384, 768, 1536),
        width=768,
        layers=16,
        vocabulary=49408,
        embed=768,
    )


def test_pictures_and_words_have_open_clips_features(folder: Path, ours: TextClip) -> None:
    theirs = open_clip.create_model(
        open_clip_weights.ARCHITECTURE, pretrained=str(folder / weights.CLIP_FILE)
    ).eval()
    images = views(networks.TEXT_SIDE)
    with torch.inference_mode():
        assert torch.allclose(ours.encode_images(images), theirs.encode_image(images), rtol=1e-4, atol=1e-5)
        for prompt in HARD_PROMPTS:
            wanted = theirs.encode_text(open_clip.SimpleTokenizer()([prompt]))
            assert torch.allclose(ours.encode_text(prompt), wanted, rtol=1e-4, atol=1e-5), prompt


def test_tokens_equal_those_of_open_clip(ours: TextClip) -> None:
    tokenize = open_clip.SimpleTokenizer()
    prompts = list(HARD_PROMPTS)
    if folder_of_samples := os.environ.get("TRELLIS_SAMPLES"):
        prompts += (Path(folder_of_samples) / "prompts.txt").read_text("utf-8").splitlines()[:2000]
    for prompt in prompts:
        assert ours.tokens(prompt) == tokenize([prompt])[0].tolist(), prompt


def test_the_perceptual_distance_is_torchmetrics(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
    from torchvision import models

    features = small_networks.alexnet()
    bare = models.alexnet(weights=None).state_dict() | features
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: bare)
    theirs = LearnedPerceptualImagePatchSimilarity(normalize=True)
    found = lpips.load(folder / weights.TORCH_HUB_FOLDER, "cpu")
    pictures = views(networks.LPIPS_SIDE)
    distances = [found.between(one[None], pictures[:1]) for one in pictures]
    wanted = [float(theirs(one[None], pictures[:1])) for one in pictures]
    assert distances == pytest.approx(wanted, rel=1e-4, abs=1e-7)
    assert np.ptp(wanted) > 0.001
