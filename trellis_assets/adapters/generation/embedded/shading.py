"""Colours of surface points: pattern, grain and light, baked in for want of a renderer that shades."""

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.generation.embedded.surfaces import Array, SurfacePoints
from trellis_assets.adapters.generation.embedded.vocabulary import Material

_KEY_LIGHT = np.array([0.45, 0.75, 0.5]) / np.linalg.norm([0.45, 0.75, 0.5])
_FILL_LIGHT = np.array([-0.7, 0.2, -0.6]) / np.linalg.norm([-0.7, 0.2, -0.6])
_STRIPES, _CHECKS, _DOTS = 9.0, 7.0, 6.0


def in_pattern(pattern: str | None, points: Array) -> NDArray[np.bool_]:
    """Return (N,) bool: where the second colour shows on a surface of the main colour.

    Args:
        pattern: stripes, dots, checks, swirl or None.
        points: (N, 3) in a unit cube.
    """
    x, y, z = points.T
    marked: NDArray[np.bool_]
    match pattern:
        case "stripes":
            marked = np.floor(_STRIPES * (y + 0.25 * x)) % 2 == 1
        case "dots":
            cell = _DOTS * points
            marked = np.linalg.norm(cell - np.round(cell), axis=1) < 0.36  # noqa: PLR2004 - dot radius
        case "checks":
            marked = np.floor(_CHECKS * points).sum(axis=1) % 2 == 1
        case "swirl":
            marked = np.sin(4 * np.arctan2(z, x) + 14 * y) > 0.2  # noqa: PLR2004 - narrower than half
        case _:
            marked = np.zeros(len(points), np.bool_)
    return marked


def shaded(surface: SurfacePoints, base: Array, material: Material, rng: np.random.Generator) -> Array:
    """Return (N, 3) RGB in 0..1 of the surface under two lights, with the material's grain and gloss.

    Args:
        surface: N points in a unit cube.
        base: (N, 3) RGB in 0..1 before light.
        material: whose grain, gloss and glow count.
        rng: of the grain.
    """
    normals = surface.normals
    key = np.clip(normals @ _KEY_LIGHT, 0, None)
    fill = np.clip(normals @ _FILL_LIGHT, 0, None)
    sky = 0.5 + 0.5 * normals[:, 1]
    light = 0.42 + 0.2 * sky + 0.42 * key + 0.12 * fill
    light = light * (1 - material.glow) + 1.1 * material.glow
    grainy = base * (1 + material.grain * _smooth_noise(surface.points, rng))[:, None]
    # Highlights where the surface faces halfway between the key light and a viewer in front.
    halfway = _KEY_LIGHT + np.array([0.0, 0.2, 1.0])
    shine = np.clip(normals @ (halfway / np.linalg.norm(halfway)), 0, 1) ** 12
    colours: Array = np.clip(grainy * light[:, None] + 0.6 * material.gloss * shine[:, None], 0.01, 0.99)
    return colours


def _smooth_noise(points: Array, rng: np.random.Generator) -> Array:
    """Return (N,) values of about unit deviation that change smoothly over the points."""
    waves = rng.normal(scale=9.0, size=(6, 3))
    phases = rng.uniform(0, 2 * np.pi, size=6)
    noise: Array = np.sin(points @ waves.T + phases).sum(axis=1) / np.sqrt(3)
    return noise
