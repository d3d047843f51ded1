"""A local validator that needs no weights and no GPU: it stands in for the subnet's neural score."""

import math
from collections.abc import Mapping

from trellis_assets.adapters.prompt_images import decode_prompt_image
from trellis_assets.adapters.rendering.pictures import on_white, validator_layers
from trellis_assets.adapters.validation.calibration import RAW, UNCALIBRATED, Calibration
from trellis_assets.adapters.validation.embedded.splat_measures import measure_splats, rising
from trellis_assets.adapters.validation.embedded.view_measures import likeness, measure_views
from trellis_assets.adapters.validation.scorer import SplatJudge
from trellis_assets.domain.splats.cameras import OLD_VALIDATOR_SIZE, VALIDATOR_SIZE
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import Clock

# Exponents of the qualities in the score, which is their weighted geometric mean: one quality that
# is missing altogether cannot be made up for by the others.
WEIGHTS: Mapping[str, float] = {
    "solidity": 0.2,
    "opacity": 0.2,
    "coherence": 0.15,
    "closure": 0.15,
    "consistency": 0.1,
    "coverage": 0.05,
    "compactness": 0.05,
    "sharpness": 0.05,
    "detail": 0.05,
}
# For image tasks only: a model in quite other colours is not of the picture.
LIKENESS_WEIGHT = 0.15
_GOOD_LIKENESS = 0.4
# The words of a prompt are not understood, so that no model can be called perfect.
BEST_SCORE = 0.9
_CLOSE_UPS_EVERY = 5


class EmbeddedValidator(SplatJudge):
    """The subnet's data checks exactly (PROTOCOL 6.2), and a score of its own making.

    The score looks at the splats and at the sixteen views that validators render. It tells a
    well-made model from a cloud of splats, a transparent one or one with holes. Of a prompt it sees
    the colours of a picture and nothing of words: it is a stand-in, not the subnet's score. A
    calibration against validators' feedback maps it to what they gave to models like this.
    """

    def __init__(self, clock: Clock, calibration: Calibration = UNCALIBRATED) -> None:
        super().__init__(clock)
        self._calibration = calibration

    @property
    def name(self) -> str:
        """Return backend and version."""
        return "embedded 2" if self._calibration == UNCALIBRATED else "embedded 2, calibrated"

    def score(
        self, splats: GaussianSplats, prompt: str, kind: TaskKind, *, is_valid: bool
    ) -> tuple[float, dict[str, float]]:
        """Return the calibrated score and its parts, which are measured for models that fail a check too."""
        parts = measure(splats, prompt, kind)
        if not is_valid:
            return 0.0, parts
        parts[RAW] = score(parts)
        return self._calibration.apply(parts[RAW]), parts


def score(parts: Mapping[str, float]) -> float:
    """Return the weighted geometric mean of the qualities, times `BEST_SCORE`."""
    weights = dict(WEIGHTS)
    if "likeness" in parts:
        weights["likeness"] = LIKENESS_WEIGHT
    total = sum(weights.values())
    product = math.prod(parts[name] ** (weight / total) for name, weight in weights.items())
    return BEST_SCORE * float(product)


def measure(splats: GaussianSplats, prompt: str, kind: TaskKind) -> dict[str, float]:
    """Return all qualities of well-formed splats by name, 0 to 1; `likeness` for image prompts only.

    The views are those of the older scoring service, 224 pixels wide: enough for most measures, at
    half the time of 518.

    Raises:
        PromptImageError: the image prompt cannot be read.
    """
    wanted = decode_prompt_image(prompt) if kind is TaskKind.IMAGE else None
    layers = validator_layers(splats, OLD_VALIDATOR_SIZE)
    close_ups = validator_layers(splats, VALIDATOR_SIZE, every=_CLOSE_UPS_EVERY)
    parts = measure_splats(splats) | measure_views(layers, close_ups)
    if wanted is not None:
        pictures = [on_white(layer) for layer in layers]
        parts["likeness"] = rising(likeness(pictures, wanted), _GOOD_LIKENESS)
    return parts
