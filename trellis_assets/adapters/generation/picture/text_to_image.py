"""Make a picture of words with any text-to-image pipeline of diffusers."""

import inspect
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.generation.picture.libraries import load_error, required
from trellis_assets.adapters.generation.picture.memory import Offload
from trellis_assets.adapters.weights.hub import loadable
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.generation_requests import GenerationRequest
from trellis_assets.domain.picture_route import PictureSettings
from trellis_assets.ports import GenerationError, PromptRefusedError, Watch

_log = logging.getLogger(__name__)


def load_text_to_image(settings: PictureSettings, device: str, offload: Offload, revisions: Revisions) -> Any:
    """Return the pipeline, ready to be called.

    Only safetensors are read, and no code of the repository is run.

    Raises:
        GenerationError: permanent; packages or weights are missing, or the pipeline is no
            text-to-image one. Transient where the hub did not answer.
    """
    diffusers, torch = required("diffusers"), required("torch")
    dtype = dtype_of(torch, settings.dtype, device)
    diffusers.utils.logging.disable_progress_bar()
    try:
        name, commit = loadable(settings.model, settings.revision, revisions)
        pipeline = diffusers.DiffusionPipeline.from_pretrained(
            name,
            revision=commit,
            torch_dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except Exception as error:  # the libraries raise anything on what they cannot read
        raise load_error(f"the picture model {settings.model}", error) from error
    if "prompt" not in inspect.signature(pipeline.__call__).parameters:
        text = f"{settings.model} is a {type(pipeline).__name__}, which makes no pictures of words"
        raise GenerationError(text, is_transient=False)
    pipeline.set_progress_bar_config(disable=True)
    is_gpu = device.startswith("cuda")
    if not is_gpu or offload is Offload.NONE:
        pipeline.to(device)
    elif offload is Offload.MODEL:
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
    return pipeline


def dtype_of(torch: Any, name: str, device: str) -> Any:
    """Return torch's type by name; `auto` is bfloat16 or float16 on a GPU and float32 elsewhere."""
    if name != "auto":
        return getattr(torch, name)
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def make_picture(
    pipeline: Any, request: GenerationRequest, settings: PictureSettings, watch: Watch
) -> NDArray[np.uint8]:
    """Return the picture, (H, W, 4) RGBA.

    The random numbers are drawn on the CPU, so that the noise is the same on every card.

    Args:
        pipeline: as `load_text_to_image` returned it.
        request: words and seed; its own guidance goes before the server's.
        settings: the server's own.
        watch: called before each step; raises GenerationStoppedError to call it off.

    Raises:
        PromptRefusedError: the pipeline's own safety checker blacked the picture out.
        GenerationStoppedError: `watch` called it off.
    """
    torch = required("torch")
    guidance = request.sampling.image_guidance
    watch("picture", 0.0)

    def report(_: Any, step: int, __: Any, values: dict[str, Any]) -> dict[str, Any]:
        watch("picture", min(1.0, (step + 1) / settings.steps))
        return values

    wanted = {
        "prompt": settings.template.replace("{prompt}", request.prompt),
        "negative_prompt": settings.negative,
        "num_inference_steps": settings.steps,
        "guidance_scale": settings.guidance if guidance is None else guidance,
        "width": settings.width,
        "height": settings.height,
        "generator": torch.Generator("cpu").manual_seed(request.seed),
        "callback_on_step_end": report,
        "output_type": "pil",
    }
    made = pipeline(**accepted(pipeline, wanted))
    if any(getattr(made, "nsfw_content_detected", None) or ()):
        raise PromptRefusedError("the picture model's safety checker blacked the picture out")
    return np.asarray(made.images[0].convert("RGBA"), np.uint8)


def accepted(pipeline: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that this pipeline's call takes, without those that are None.

    Pipelines differ: some take no negative prompt, some no guidance.
    """
    parameters = inspect.signature(pipeline.__call__).parameters
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    given = {name: value for name, value in wanted.items() if value is not None}
    left_out = [] if takes_all else sorted(given.keys() - parameters.keys())
    if left_out:
        _log.info("%s takes no %s", type(pipeline).__name__, ", ".join(left_out))
    return {name: value for name, value in given.items() if name not in left_out}
