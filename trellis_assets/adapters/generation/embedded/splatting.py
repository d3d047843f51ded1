"""Coloured surface points -> Gaussian splats lying flat on the surface."""

import numpy as np

from trellis_assets.adapters.generation.embedded.surfaces import Array, SurfacePoints
from trellis_assets.domain.splats.splats import SH_C0, GaussianSplats

# In units of the mean distance between points: wide enough to close the surface, thin across it.
_ALONG = 0.72
_ACROSS = 0.14


def surface_splats(
    surface: SurfacePoints, colours: Array, opacity: Array, area: float, rng: np.random.Generator
) -> GaussianSplats:
    """Return one splat per surface point, its third axis along the normal.

    Args:
        surface: N points and normals.
        colours: (N, 3) RGB in 0..1.
        opacity: (N,) in 0..1, bounds excluded.
        area: of the whole surface, for the size of the splats.
        rng: varies the sizes a little, so that no grid shows.
    """
    count = len(surface.points)
    spacing = np.sqrt(area / count)
    scales = spacing * np.array([_ALONG, _ALONG, _ACROSS]) * np.exp(rng.normal(scale=0.18, size=(count, 3)))
    return GaussianSplats(
        positions=surface.points.astype(np.float32),
        log_scales=np.log(scales).astype(np.float32),
        rotations=_facing(surface.normals, rng).astype(np.float32),
        opacity_logits=np.log(opacity / (1 - opacity)).astype(np.float32),
        sh_dc=((colours - 0.5) / SH_C0).astype(np.float32),
        sh_rest=np.zeros((count, 0, 3), np.float32),
    )


def _facing(normals: Array, rng: np.random.Generator) -> Array:
    """Return (N, 4) unit quaternions wxyz that turn +z into the normals, twisted at random about them."""
    x, y, z = normals.T
    # The shortest turn from +z to n is (1 + n_z, -n_y, n_x, 0); straight down has none: turn about x.
    tilt = np.column_stack([1 + z, -y, x])
    tilt[z < -1 + 1e-9] = [0, 1, 0]
    tilt /= np.linalg.norm(tilt, axis=1, keepdims=True)
    angle = rng.uniform(0, np.pi, size=len(normals))
    cos, sin = np.cos(angle), np.sin(angle)
    w, i, j = tilt.T
    # (w, i, j, 0) * (cos, 0, 0, sin): the twist first, then the tilt.
    return np.column_stack([w * cos, i * cos + j * sin, j * cos - i * sin, w * sin])
