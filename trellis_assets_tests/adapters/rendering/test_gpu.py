"""When gsplat may draw: with a GPU and its compiled part, and only then."""

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import torch

from trellis_assets.adapters.rendering import gpu, pictures
from trellis_assets.adapters.rendering.pictures import RendererBackend
from trellis_assets.domain.splats.cameras import validator_cameras
from trellis_assets.domain.splats.scenes import as_validators_see
from trellis_assets.testing.splats import a_ball


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    for cached in (gpu.why_unavailable, pictures._on_gpu):
        cached.cache_clear()
    yield
    for cached in (gpu.why_unavailable, pictures._on_gpu):
        cached.cache_clear()


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch says that there is one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)


def install(monkeypatch: pytest.MonkeyPatch, *, compiled: object) -> None:
    """Put a gsplat in place that has just what tells whether it was compiled."""
    names = ("gsplat", "gsplat.cuda", "gsplat.cuda._backend")
    found = {name: ModuleType(name) for name in names}
    found["gsplat.cuda._backend"]._C = compiled  # type: ignore[attr-defined]
    for name, module in found.items():
        module.__spec__ = importlib.util.spec_from_loader(name, None)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("a_gpu")
def test_gsplat_that_disabled_itself_leaves_the_pictures_to_the_cpu(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install(monkeypatch, compiled=None)
    cameras = validator_cameras(32)
    drawn = pictures.render(as_validators_see(a_ball(100)), cameras, backend=RendererBackend.AUTO)
    assert np.ptp(drawn) > 0
    assert "no compiled part" in caplog.text


@pytest.mark.usefixtures("a_gpu")
def test_gsplat_that_was_compiled_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, compiled=object())
    assert gpu.why_unavailable() is None


def test_without_a_gpu_gsplat_is_not_tried() -> None:
    assert not gpu.is_available()


@pytest.mark.usefixtures("a_gpu")
def test_the_published_gsplat_without_a_compiler_counts_as_not_there() -> None:
    if importlib.util.find_spec("gsplat") is None:
        pytest.skip("gsplat is not installed: `pip install gsplat` on a machine without nvcc shows it")
    from torch.utils.cpp_extension import CUDA_HOME

    if CUDA_HOME is not None:
        pytest.skip("there is a CUDA compiler here, with which gsplat builds its compiled part")
    assert "gsplat" in (gpu.why_unavailable() or "")
