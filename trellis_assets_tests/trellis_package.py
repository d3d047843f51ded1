"""A stand-in for the TRELLIS package, for the last stage of the picture route alone.

Its `preprocess_image` keeps the contract of Microsoft's: 518 x 518 RGB on black around the box of pixels
that are more than 80 % opaque. Microsoft's own classes need CUDA and spconv; how they took our pictures on
the CPU is told in docs/generation.md.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from trellis_assets.adapters.generation.trellis import loading
from trellis_assets.adapters.generation.trellis.backend import TrellisBackend
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.tasks import TaskKind


class ImagePipeline:
    """Makes a flat ball in the mean colour of its picture; the tests look at what it was given."""

    given: ClassVar[list[Any]] = []
    events: ClassVar[list[str]] = []

    def __init__(self) -> None:
        names = ("sparse_structure_flow_model", "slat_flow_model")
        self.models = {name: torch.nn.Identity() for name in names}
        self.sparse_structure_sampler_params = self.slat_sampler_params = {"steps": 25}

    @classmethod
    def from_pretrained(cls, path: str) -> "ImagePipeline":
        cls.events.append(f"load {path}")
        return cls()

    def to(self, device: str) -> None:
        self.events.append(f"trellis to {device}")

    def preprocess_image(self, picture: Image.Image) -> Image.Image:
        self.given.append(picture)
        pixels = np.asarray(picture)
        if (pixels[..., 3] == 255).all():
            raise AssertionError("TRELLIS would need rembg's network here")
        rows, columns = np.where(pixels[..., 3] > 204)
        left, right, top, bottom = min(columns), max(columns), min(rows), max(rows)  # fails without any
        half = int(max(right - left, bottom - top) * 1.2) // 2
        x, y = (left + right) / 2, (top + bottom) / 2
        cropped = picture.crop((x - half, y - half, x + half, y + half)).resize((518, 518))
        black = Image.new("RGB", cropped.size)
        black.paste(cropped, mask=cropped.getchannel("A"))
        return black

    def get_cond(self, pictures: list[Image.Image]) -> torch.Tensor:
        return torch.tensor(np.asarray(pictures[0]).mean(axis=(0, 1)) / 255)

    def sample_sparse_structure(self, condition: Any, count: int, sampler: dict[str, Any]) -> torch.Tensor:
        self.models["sparse_structure_flow_model"](condition)
        self.events.append(f"structure in {sampler['steps']} steps of {sampler.get('cfg_strength')}")
        return torch.zeros((5, 4))

    def sample_slat(self, condition: Any, coords: Any, sampler: dict[str, Any]) -> torch.Tensor:
        self.models["slat_flow_model"](condition)
        self.events.append(f"appearance in {sampler['steps']} steps of {sampler.get('cfg_strength')}")
        return torch.as_tensor(condition)

    def decode_slat(self, slat: torch.Tensor, formats: list[str]) -> dict[str, Any]:
        count = 7500  # a miner takes fewer than 7,000 for a fault of the endpoint
        points = torch.randn(count, 3)
        made = SimpleNamespace(
            get_xyz=0.3 * points / points.norm(dim=1, keepdim=True),
            get_scaling=torch.full((count, 3), 0.01),
            get_rotation=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
            get_opacity=torch.full((count, 1), 0.9),
            get_features=((slat - 0.5) / 0.282).float().expand(count, 1, 3),
        )
        return {"gaussian": [made]}


def install(monkeypatch: pytest.MonkeyPatch) -> type[ImagePipeline]:
    """Put the stand-in where the package would be; what it is given and told is in its lists."""
    take_weights_by_name(monkeypatch)
    stand_in = type("ImagePipeline", (ImagePipeline,), {"given": [], "events": []})
    pipelines = ModuleType("trellis.pipelines")
    pipelines.TrellisTextTo3DPipeline = pipelines.TrellisImageTo3DPipeline = stand_in  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trellis", ModuleType("trellis"))
    monkeypatch.setitem(sys.modules, "trellis.pipelines", pipelines)
    return stand_in


def take_weights_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the stand-in pipelines the names of their weights: there are no files to pin.

    How real files are pinned is tested in adapters/generation/trellis/test_pinned_pipeline.py.
    """

    @contextmanager
    def by_name(model: str, _revision: str | None, _revisions: Revisions) -> Iterator[Path]:
        yield Path(model)

    monkeypatch.setattr(loading, "pinned_pipeline", by_name)


def trellis_backend(models: Mapping[TaskKind, str], device: str = "cpu") -> TrellisBackend:
    """Return the backend; no commit is recorded."""
    return TrellisBackend(models=models, revisions=Revisions(None), device=device)
