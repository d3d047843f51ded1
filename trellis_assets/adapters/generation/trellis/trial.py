"""The small trial of a pipeline when a server starts: what does not fit shows before the first task."""

import base64
import io

from trellis_assets.domain.generation_requests import GenerationRequest, Sampling
from trellis_assets.domain.tasks import TaskKind


def ignore_progress(_stage: str, _share: float) -> None:
    """Ignore the progress of the trial."""


def trial_request(kind: TaskKind) -> GenerationRequest:
    """Return the request of the trial: a few steps; pictures are cut out already."""
    sampling = Sampling(ss_steps=2, slat_steps=1)
    prompt = "a chair" if kind is TaskKind.TEXT else _trial_picture()
    return GenerationRequest(prompt=prompt, kind=kind, seed=0, sampling=sampling)


def _trial_picture() -> str:
    """Return a grey disc on a transparent ground, as base64 of a PNG file."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((48, 48, 208, 208), fill=(128, 128, 128, 255))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
