"""A generator that needs no weights and no GPU: it stands in for a learned one."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.generation.embedded.prompt_parser import Design, read_prompt
from trellis_assets.adapters.generation.embedded.shading import in_pattern, shaded
from trellis_assets.adapters.generation.embedded.silhouette import inflate
from trellis_assets.adapters.generation.embedded.splatting import surface_splats
from trellis_assets.adapters.generation.embedded.surfaces import Array, SurfacePoints, part_area, sample_part
from trellis_assets.adapters.generation.embedded.vocabulary import Part, load_vocabulary
from trellis_assets.adapters.generation.this_machine import on_this_machine
from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image
from trellis_assets.domain.endpoints.endpoints import Probe
from trellis_assets.domain.generation_requests import ENDPOINTS_OWN, Route, Sampling
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import PromptRefusedError

SPLAT_COUNT = 32_000
# No part, however small, comes out as a handful of dots.
_MIN_POINTS_PER_PART = 200
_OPACITY = 0.98


class EmbeddedGenerator:
    """Builds models from a vocabulary of some 170 shapes (880 words) out of simple bodies.

    It understands the words it knows (object, colours, material, pattern) and nothing else; of a
    picture it blows up the silhouette. Its
    models show that the pipeline works, and are not what a learned model makes. The same prompt and
    seed give the same splats.
    """

    def __init__(self, endpoints: Sequence[str] = ()) -> None:
        self._endpoints = tuple(endpoints) or (on_this_machine("embedded"),)

    @property
    def name(self) -> str:
        """Return backend and version."""
        return "embedded 2"

    @property
    def endpoints(self) -> Sequence[str]:
        """Return the slots, by default one: a generation takes well under a second of one core."""
        return self._endpoints

    def probe(self) -> Sequence[Probe]:
        """Return that it is ready: it always is."""
        return [Probe(endpoint) for endpoint in self._endpoints]

    def supports(self, kind: TaskKind) -> bool:
        """Return whether such prompts can be read: words and pictures."""
        return kind in {TaskKind.TEXT, TaskKind.IMAGE}

    def used_settings(self, endpoint: str) -> UsedSettings:  # noqa: ARG002 - all are alike
        """Return that words take the direct route; there are no samplers."""
        return UsedSettings(route=Route.DIRECT)

    def generate(
        self,
        prompt: str,
        *,
        kind: TaskKind,
        seed: int,
        endpoint: str,  # noqa: ARG002 - all are alike
        sampling: Sampling = ENDPOINTS_OWN,  # noqa: ARG002 - there are no samplers
        route: Route | None = None,  # noqa: ARG002 - there is one route
    ) -> GaussianSplats:
        """Return a model of 32,000 splats whose centres span a unit cube around the origin.

        Raises:
            PromptRefusedError: an empty prompt, or a picture that cannot be read.
        """
        if not prompt.strip():
            raise PromptRefusedError("the prompt is empty")
        digest = sha256(f"{seed}\0{prompt}".encode(errors="surrogatepass")).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:16], "big"))
        if kind is TaskKind.IMAGE:
            try:
                return from_picture(decode_prompt_image(prompt), rng)
            except PromptImageError as error:
                raise PromptRefusedError(str(error)) from error
        return build(read_prompt(prompt, load_vocabulary()), rng)


def build(design: Design, rng: np.random.Generator) -> GaussianSplats:
    """Return the design as splats; proportions, grain and points vary with `rng`."""
    parts = design.shape.parts
    areas = np.array([part_area(part, rng) for part in parts])
    counts = np.maximum((SPLAT_COUNT * areas / areas.sum()).astype(int), _MIN_POINTS_PER_PART)
    counts[counts.argmax()] += SPLAT_COUNT - counts.sum()
    pieces = [sample_part(part, int(count), rng) for part, count in zip(parts, counts, strict=True)]
    surface, growth = _in_unit_cube(pieces, stretch=rng.uniform(0.88, 1.12, size=3))
    base = np.repeat([_colour_of(part, design) for part in parts], counts, axis=0)
    is_main = np.repeat([part.colour == "main" for part in parts], counts)
    base[is_main & in_pattern(design.pattern, surface.points)] = design.second
    opacity = np.full(SPLAT_COUNT, design.material.opacity)
    colours = shaded(surface, base, design.material, rng)
    return surface_splats(surface, colours, opacity, float(areas.sum()) * growth**2, rng)


def from_picture(picture: NDArray[np.uint8], rng: np.random.Generator) -> GaussianSplats:
    """Return the inflated silhouette of a picture (H, W, 4), in its colours, which hold the light already."""
    model = inflate(picture, SPLAT_COUNT, rng)
    opacity = np.full(SPLAT_COUNT, _OPACITY)
    return surface_splats(model.surface, model.colours, opacity, model.area, rng)


def _colour_of(part: Part, design: Design) -> tuple[float, float, float]:
    named = {"main": design.main, "second": design.second}
    return named.get(part.colour) or load_vocabulary().colours[part.colour]


def _in_unit_cube(pieces: Sequence[SurfacePoints], stretch: Array) -> tuple[SurfacePoints, float]:
    """Return the pieces as one, centred and scaled so that the longest side is 1, and the factor."""
    points = np.vstack([piece.points for piece in pieces]) * stretch
    normals = np.vstack([piece.normals for piece in pieces]) / stretch
    low, high = points.min(axis=0), points.max(axis=0)
    factor = 1 / float((high - low).max())
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return SurfacePoints((points - (low + high) / 2) * factor, normals), factor
