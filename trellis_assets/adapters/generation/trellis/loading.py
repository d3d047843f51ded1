"""Load TRELLIS's pipelines, and tell in plain words why they cannot be loaded."""

import importlib
import importlib.util
import os
import sys
from typing import Any

from trellis_assets.adapters.generation.picture.libraries import load_error
from trellis_assets.adapters.generation.trellis.attention import LIBRARIES, NONE, choose_attention
from trellis_assets.adapters.generation.trellis.faults import gpu_fault, is_gpu_fault
from trellis_assets.adapters.generation.trellis.pinned_pipeline import pinned_pipeline
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.adapters.weights.torch_hub import pinned_torch_hub
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError

INSTALL = (
    "the TRELLIS package is not installed in this environment: clone "
    "https://github.com/microsoft/TRELLIS with its submodules, run its setup.sh, and put the clone on "
    "PYTHONPATH (docs/generation.md)"
)
_PIPELINES = {TaskKind.TEXT: "TrellisTextTo3DPipeline", TaskKind.IMAGE: "TrellisImageTo3DPipeline"}
_ADVICE = "run TRELLIS's setup.sh in the server's environment"
_PACKAGES = frozenset({"trellis", "trellis.pipelines"})


def load_pipeline(
    kind: TaskKind, model: str, device: str, *, revision: str | None, revisions: Revisions
) -> Any:
    """Return the pipeline of this kind of prompt, on the device, with every file at a known commit.

    Args:
        kind: of the prompts.
        model: folder, or name on the Hugging Face hub.
        device: as torch names it, for example cuda:0.
        revision: of the model, as a setting names it; None takes the pinned or recorded commit.
        revisions: says which commit each repository is loaded at.

    Raises:
        GenerationError: the package, one that it needs, the weights or the GPU is not there; transient
            where the hub did not answer.
    """
    pipelines = _pipelines()
    try:
        with pinned_pipeline(model, revision, revisions) as folder, pinned_torch_hub(revisions):
            pipeline = getattr(pipelines, _PIPELINES[kind]).from_pretrained(str(folder))
        pipeline.to(device)
    # Loading ends in libraries without number: each of their errors is a fault of this server.
    except (Exception, SystemExit) as error:
        if is_gpu_fault(error):
            raise gpu_fault(error, is_repeated=False) from error
        raise load_error(f"the weights {model}", error) from error
    return pipeline


def load_background_removal(pipeline: Any) -> None:
    """Load the network that TRELLIS cuts objects out of opaque pictures with, as it does at the first one.

    Raises:
        GenerationError: it cannot be loaded; transient where its download did not answer.
    """
    try:
        pipeline.rembg_session = importlib.import_module("rembg").new_session("u2net")
    except (Exception, SystemExit) as error:
        raise load_error("rembg's network u2net", error) from error


def _pipelines() -> Any:
    """Return TRELLIS's module of pipelines.

    Raises:
        GenerationError: it cannot be imported, with what is missing.
    """
    # "auto" measures convolutions first, which pays off only for fixed shapes; models differ in size.
    os.environ.setdefault("SPCONV_ALGO", "native")
    if "trellis" not in sys.modules and importlib.util.find_spec("trellis") is None:
        raise GenerationError(INSTALL, is_transient=False)
    choose_attention(os.environ)
    try:
        return importlib.import_module("trellis.pipelines")
    except ModuleNotFoundError as error:
        named = dict.fromkeys(_PACKAGES, INSTALL) | dict.fromkeys(LIBRARIES, NONE)
        text = named.get(error.name or "", f"TRELLIS needs the package {error.name}: {_ADVICE}")
        raise GenerationError(text, is_transient=False) from error
    # rembg ends the process without onnxruntime; a library made for another torch raises anything.
    except (Exception, SystemExit) as error:
        first = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
        ended = "rembg ends the process without it: pip install onnxruntime; else "
        hint = ended if isinstance(error, SystemExit) else ""
        text = f"TRELLIS cannot be imported ({first}): {hint}{_ADVICE}"
        raise GenerationError(text, is_transient=False) from error
