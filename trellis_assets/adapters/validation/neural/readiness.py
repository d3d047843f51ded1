"""Whether the networks can judge: by judging."""

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import ValidationUnavailableError

if TYPE_CHECKING:
    from trellis_assets.adapters.validation.scorer import SplatJudge

_SPLATS = 50


def problem_of(judge: "SplatJudge") -> str:
    """Return why the judge cannot score a model for words and one for a picture; empty if it can.

    Loads every network, so that it takes as long as a first verdict.
    """
    for kind, prompt in ((TaskKind.TEXT, "a ball"), (TaskKind.IMAGE, _picture())):
        try:
            judge.score(tiny_model(), prompt, kind, is_valid=True)
        except ValidationUnavailableError as error:
            return str(error)
        except ValueError:
            continue  # it judged, and finds nothing to score in a model like this
    return ""


def tiny_model() -> GaussianSplats:
    """Return a small ball of opaque splats."""
    drawn = np.random.default_rng(1)
    normals = drawn.normal(size=(_SPLATS, 3))
    positions = (normals / np.linalg.norm(normals, axis=1, keepdims=True) / 2).astype(np.float32)
    return GaussianSplats(
        positions=positions,
        log_scales=np.full((_SPLATS, 3), np.log(0.1), np.float32),
        rotations=np.tile(np.array([1, 0, 0, 0], np.float32), (_SPLATS, 1)),
        opacity_logits=np.full(_SPLATS, 4, np.float32),
        sh_dc=positions,
        sh_rest=np.zeros((_SPLATS, 0, 3), np.float32),
    )


def _picture() -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
