"""TRELLIS's pipelines, loaded when they are first wanted."""

import importlib
import os
from typing import Any

from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError

INSTALL = (
    "the TRELLIS package is not installed in this environment. It is no package of the registry: "
    "clone https://github.com/microsoft/TRELLIS with its submodules, run its setup.sh on a machine "
    "with CUDA, and put the clone on PYTHONPATH"
)
_PIPELINES = {TaskKind.TEXT: "TrellisTextTo3DPipeline", TaskKind.IMAGE: "TrellisImageTo3DPipeline"}


def load_pipeline(kind: TaskKind, model: str, device: str) -> Any:
    """The pipeline of this kind of prompt, on the device.

    Args:
        kind: of the prompts.
        model: folder, or name on the Hugging Face hub.
        device: as torch names it, for example cuda:0.

    Raises:
        GenerationError: permanent; the package or the weights are not there.
    """
    # "auto" measures convolutions first, which pays off only for fixed shapes; models differ in size.
    os.environ.setdefault("SPCONV_ALGO", "native")
    try:
        pipelines = importlib.import_module("trellis.pipelines")
    except ModuleNotFoundError as error:
        reason = INSTALL if error.name in {"trellis", "trellis.pipelines"} else f"TRELLIS wants {error.name}"
        raise GenerationError(reason, is_transient=False) from error
    try:
        pipeline = getattr(pipelines, _PIPELINES[kind]).from_pretrained(model)
    except (OSError, ValueError, KeyError) as error:
        text = f"the weights {model} cannot be loaded ({type(error).__name__}: {error}): download them first"
        raise GenerationError(text, is_transient=False) from error
    pipeline.to(device)
    return pipeline
