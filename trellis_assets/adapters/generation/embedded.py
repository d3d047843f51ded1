"""The embedded generator: stands in for TRELLIS where there are no weights.

It knows a vocabulary of shapes and colours, nothing more: prompt words decide both. Its models are
well-formed splats on surfaces, good enough to try the whole pipeline on, and no more than that.
"""

import re
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.generation.shapes import SHAPES, Surface, sample_shape
from trellis_assets.adapters.generation.vocabulary import COLOURS, THINGS
from trellis_assets.domain.splats import SH_C0, GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError

SPLATS = 24_000
LIGHT = np.array([0.45, 0.75, 0.5]) / np.linalg.norm([0.45, 0.75, 0.5])
NEUTRAL = (0.72, 0.68, 0.62)
# Standard deviations along the surface and across it, in half-models.
TANGENT_SCALE, NORMAL_SCALE = 0.011, 0.003


class EmbeddedGenerator:
    """`Generator` without weights; the same prompt and seed give the same splats."""

    name = "embedded 1"

    def __init__(self, endpoints: Sequence[str] = ("embedded",)) -> None:
        self.endpoints = tuple(endpoints)

    def supports(self, kind: TaskKind) -> bool:
        """Words only."""
        return kind is TaskKind.TEXT

    def generate(self, prompt: str, *, kind: TaskKind, seed: int, endpoint: str) -> GaussianSplats:  # noqa: ARG002
        """About a unit model of 24,000 splats.

        Raises:
            GenerationError: an image prompt, or one without a single word.
        """
        words = re.findall(r"[a-z]+", prompt.lower())
        if kind is not TaskKind.TEXT or not words:
            raise GenerationError("the embedded generator needs a prompt of words", is_transient=False)
        digest = sha256(f"{seed}:{prompt}".encode("utf-8", "surrogatepass")).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        surface = sample_shape(shape_for(words), random, SPLATS)
        colours = _shaded(surface, palette_for(words), random)
        return _splats(surface, colours, random)


def shape_for(words: Sequence[str]) -> str:
    """The shape of the last word that is a known thing; else one that the words' hash picks."""
    for word in reversed(words):
        thing = THINGS.get(word) or THINGS.get(word.removesuffix("s"))
        if thing is not None:
            return thing
    names = sorted(SHAPES)
    return names[sha256(" ".join(words).encode()).digest()[0] % len(names)]


def palette_for(words: Sequence[str]) -> NDArray[np.float64]:
    """(2, 3) the first two colours named; one named colour is joined by a darker shade of it."""
    named = [COLOURS[word] for word in words if word in COLOURS] or [NEUTRAL]
    first = np.array(named[0])
    second = np.array(named[1]) if len(named) > 1 else first * 0.55
    return np.stack([first, second])


def _shaded(
    surface: Surface, palette: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """(N, 3) the paint under one light from above, with a little grain."""
    light = 0.62 + 0.38 * np.clip(surface.normals @ LIGHT, -0.6, 1)
    grain = 1 + 0.03 * random.normal(size=len(light))
    shaded: NDArray[np.float64] = np.clip(palette[surface.paint] * (light * grain)[:, None], 0, 1)
    return shaded


def _splats(
    surface: Surface, colours: NDArray[np.float64], random: np.random.Generator
) -> GaussianSplats:
    """Flat discs on the surface: the local z axis is turned to the normal."""
    count = len(surface.points)
    z = np.array([0.0, 0.0, 1.0])
    rotations = np.concatenate(
        [1 + surface.normals @ z[:, None], np.cross(np.broadcast_to(z, (count, 3)), surface.normals)], axis=1
    )
    # Where the normal is -z the formula has no axis: half a turn about x.
    rotations[np.linalg.norm(rotations, axis=1) < 1e-6] = [0, 1, 0, 0]  # noqa: PLR2004
    rotations /= np.linalg.norm(rotations, axis=1, keepdims=True)
    scales = np.array([TANGENT_SCALE, TANGENT_SCALE, NORMAL_SCALE])
    log_scales = np.log(scales) + 0.15 * random.normal(size=(count, 3))
    return GaussianSplats(
        positions=(0.5 * surface.points).astype(np.float32),
        log_scales=log_scales.astype(np.float32),
        rotations=rotations.astype(np.float32),
        opacity_logits=np.full(count, 3.0, np.float32) + random.normal(0, 0.3, count).astype(np.float32),
        sh_dc=((colours - 0.5) / SH_C0).astype(np.float32),
        sh_rest=np.zeros((count, 0, 3), np.float32),
    )
