"""Settings of the picture route: a picture of the text prompt is made, and its object is cut out."""

from dataclasses import dataclass

from trellis_assets.system.compat import StrEnum

# One object, whole, on white: what the cut and TRELLIS need. White comes first:
# some pipelines cut long prompts off. `{prompt}` is where the words go.
PROMPT_TEMPLATE = (
    "{prompt}, on a plain white background, a single 3D game asset seen from slightly above, "
    "whole object in the middle, even light, sharp detail"
)


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """How pictures are made.

    Attributes:
        model: name on the Hugging Face hub, or folder, of a diffusers pipeline with safetensors.
        revision: commit, tag or branch of the hub's repository; None takes its newest.
        dtype: auto, bfloat16, float16 or float32.
        steps, guidance: of the pipeline; distilled ones want few steps and often guidance 0.
        width, height: in pixels.
        template: the pipeline's prompt; `{prompt}` stands for the task's.
        negative: what the picture should not show; only some pipelines take it.
    """

    model: str
    revision: str | None = None
    dtype: str = "auto"
    steps: int = 8
    guidance: float = 3.5
    width: int = 1024
    height: int = 1024
    template: str = PROMPT_TEMPLATE
    negative: str | None = None


class Background(StrEnum):
    """How objects are cut out of pictures."""

    WHITE = "white"
    REMBG = "rembg"
    SEGMENTATION = "segmentation"


@dataclass(frozen=True, slots=True)
class CutSettings:
    """How the object is cut out.

    Attributes:
        method: white needs no weights.
        model: a rembg session (u2net, isnet-general-use, birefnet-general), or the name or folder of
            a segmentation model.
        revision: of the hub's repository.
        code_revision: the full commit whose Python code may run in this process; None runs none.
    """

    method: Background = Background.WHITE
    model: str = ""
    revision: str | None = None
    code_revision: str | None = None


class MemoryProfile(StrEnum):
    """Memory of the GPU in GB; `auto` takes what is free when the first picture is made."""

    AUTO = "auto"
    GB_8 = "8"
    GB_16 = "16"
    GB_24 = "24"
    GB_48 = "48"
