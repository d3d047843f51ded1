"""A broken TRELLIS install, a hub that is away, a GPU that fails: each named, and none blamed on a prompt."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from trellis_assets.adapters.generation.trellis.backend import TrellisBackend
from trellis_assets.adapters.generation.trellis.loading import load_background_removal
from trellis_assets.adapters.generation.trellis.trial import trial_request
from trellis_assets.domain.generation_requests import GenerationRequest
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import BrokenGpuError, GenerationError, PromptRefusedError
from trellis_assets_tests.trellis_package import take_weights_by_name, trellis_backend

MODELS = {TaskKind.TEXT: "text-weights"}


@pytest.fixture
def broken_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Yield a package `trellis` on the path whose pipelines run the given code when they are imported."""

    def make(code: str) -> None:
        folder = tmp_path / "trellis" / "pipelines"
        folder.mkdir(parents=True)
        (tmp_path / "trellis" / "__init__.py").touch()
        (folder / "__init__.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path))

    take_weights_by_name(monkeypatch)
    for name in ("trellis", "trellis.pipelines"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield make
    for name in ("trellis", "trellis.pipelines"):
        sys.modules.pop(name, None)


def loading(error: str) -> str:
    """Return the code of a package whose text pipeline raises the error while its weights are loaded."""
    return f"class TrellisTextTo3DPipeline:\n    def from_pretrained(path): raise {error}"


def fault(models: dict[TaskKind, str] = MODELS) -> GenerationError:
    with pytest.raises(GenerationError) as caught:
        trellis_backend(models).load()
    assert not isinstance(caught.value, PromptRefusedError)
    return caught.value


@pytest.mark.parametrize(
    ("code", "told", "is_transient"),
    [
        ("import spconv_that_is_not_there", "needs the package spconv_that_is_not_there", False),
        ("raise ModuleNotFoundError('no', name='flash_attn')", "ATTN_BACKEND=sdpa is not enough", False),
        ("raise ImportError('undefined symbol: _ZN2at')", "undefined symbol: _ZN2at", False),
        ("import sys; sys.exit(1)", "pip install onnxruntime", False),
        ("raise RuntimeError('operator torchvision::nms does not exist')", "torchvision::nms", False),
        (
            loading("ConnectionError('cannot reach the hub')"),
            "text-weights cannot be loaded .*cannot reach the hub",
            True,
        ),
        (
            loading("KeyError('image_cond_model')"),
            "text-weights cannot be loaded .*image_cond_model",
            False,
        ),
        (
            loading("AssertionError('Torch not compiled with CUDA enabled')"),
            "there is no GPU for TRELLIS",
            False,
        ),
    ],
    ids=["import", "attention", "abi", "rembg exits", "torchvision", "hub", "config", "no cuda"],
)
def test_what_keeps_trellis_from_loading_is_a_fault_of_the_server_and_named(
    broken_package: Any, code: str, told: str, is_transient: bool
) -> None:
    broken_package(code)
    found = fault()
    assert found.is_transient is is_transient
    assert re.search(told, str(found))


def test_without_the_package_the_fault_says_how_to_install_it() -> None:
    assert "github.com/microsoft/TRELLIS" in str(fault())


class FailingPipeline:
    """Loads, and raises what the test says at each request."""

    error: BaseException | None = None

    def __init__(self) -> None:
        self.models: dict[str, Any] = {}

    @classmethod
    def from_pretrained(cls, path: str) -> "FailingPipeline":
        return cls()

    def to(self, device: str) -> None:
        """Is nowhere."""

    def get_cond(self, prompts: list[Any]) -> dict[str, Any]:
        assert self.error is not None
        raise self.error

    def preprocess_image(self, picture: Any) -> Any:
        raise ValueError("zero-size array to reduction operation minimum which has no identity")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> type[FailingPipeline]:
    pipelines = ModuleType("trellis.pipelines")
    stand_in = type("Pipeline", (FailingPipeline,), {})
    pipelines.TrellisTextTo3DPipeline = pipelines.TrellisImageTo3DPipeline = stand_in  # type: ignore[attr-defined]
    take_weights_by_name(monkeypatch)
    monkeypatch.setitem(sys.modules, "trellis", ModuleType("trellis"))
    monkeypatch.setitem(sys.modules, "trellis.pipelines", pipelines)
    return stand_in


def outcome(backend: TrellisBackend, request: GenerationRequest) -> GenerationError:
    with pytest.raises(GenerationError) as caught:
        backend.generate(request, lambda _stage, _share: None)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`",
        "/io/build/temp/spconv/src/cumm/gemm/main.cu 512\ncan't find suitable algorithm",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
    ],
)
def test_a_failing_gpu_library_unloads_everything_and_passes_once(
    failing: type[FailingPipeline], text: str
) -> None:
    failing.error = RuntimeError(text)
    backend = trellis_backend(MODELS)
    request = trial_request(TaskKind.TEXT)
    first = outcome(backend, request)
    assert first.is_transient
    assert text.splitlines()[0] in str(first)
    assert backend.state().models_loaded == ()
    assert not outcome(backend, request).is_transient, "the second time in a row it lasts"


def test_a_broken_gpu_context_wants_a_new_process(failing: type[FailingPipeline]) -> None:
    failing.error = RuntimeError("CUDA error: an illegal memory access was encountered")
    found = outcome(trellis_backend(MODELS), trial_request(TaskKind.TEXT))
    assert isinstance(found, BrokenGpuError)
    assert "must be restarted" in str(found)


def test_full_memory_passes_however_often_it_comes(failing: type[FailingPipeline]) -> None:
    failing.error = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    backend = trellis_backend(MODELS)
    assert all(outcome(backend, trial_request(TaskKind.TEXT)).is_transient for _ in range(3))


def test_an_error_that_is_not_of_the_gpu_is_not_called_one(failing: type[FailingPipeline]) -> None:
    failing.error = RuntimeError("shape mismatch")
    with pytest.raises(RuntimeError, match="shape mismatch"):
        trellis_backend(MODELS).generate(trial_request(TaskKind.TEXT), lambda *_: None)


def test_a_picture_in_which_no_object_is_found_is_a_fault_of_the_prompt(
    failing: type[FailingPipeline],
) -> None:
    backend = trellis_backend({TaskKind.IMAGE: "image-weights"})
    assert isinstance(outcome(backend, trial_request(TaskKind.IMAGE)), PromptRefusedError)


@pytest.mark.parametrize("alpha", [0, 127], ids=["transparent", "half transparent"])
def test_a_picture_without_an_opaque_pixel_is_a_fault_of_the_prompt(
    failing: type[FailingPipeline], alpha: int
) -> None:
    import base64
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGBA", (64, 64), (200, 30, 30, alpha)).save(file, "PNG")
    prompt = base64.b64encode(file.getvalue()).decode()
    backend = trellis_backend({TaskKind.IMAGE: "image-weights"})
    found = outcome(backend, GenerationRequest(prompt, TaskKind.IMAGE, 0))
    assert isinstance(found, PromptRefusedError)
    assert "shows no object" in str(found)


def test_rembg_that_cannot_get_its_network_is_a_fault_of_the_server_that_may_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rembg = ModuleType("rembg")

    def new_session(name: str) -> None:
        raise ConnectionError(f"cannot download {name}")

    rembg.new_session = new_session  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rembg", rembg)
    with pytest.raises(GenerationError, match="u2net") as caught:
        load_background_removal(FailingPipeline())
    assert caught.value.is_transient
