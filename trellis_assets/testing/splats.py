"""Factories of Gaussian splat models: random clouds, and surfaces that pass the quality checks."""

from dataclasses import replace

import numpy as np

from trellis_assets.domain.splats.splats import SH_REST_BY_DEGREE, GaussianSplats


def a_cloud(count: int = 8000, *, degree: int = 0, seed: int = 0) -> GaussianSplats:
    """Return `count` random splats in the cube [-0.5, 0.5]^3, with SH coefficients up to `degree`."""
    rng = np.random.default_rng(seed)
    shapes = {"positions": (count, 3), "log_scales": (count, 3), "rotations": (count, 4)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return GaussianSplats(
        positions=rng.uniform(-0.5, 0.5, (count, 3)).astype(np.float32),
        log_scales=arrays["log_scales"] - 4,
        rotations=arrays["rotations"],
        opacity_logits=rng.normal(1, 2, count).astype(np.float32),
        sh_dc=rng.uniform(-1.7, 1.7, (count, 3)).astype(np.float32),
        sh_rest=rng.uniform(-1, 1, (count, SH_REST_BY_DEGREE[degree], 3)).astype(np.float32),
    )


def a_ball(
    count: int = 8000, *, extent: float = 1.0, at: tuple[float, float, float] = (0, 0, 0)
) -> GaussianSplats:
    """Return `count` opaque splats on a sphere of diameter `extent` around `at`, coloured by normal."""
    cloud = a_cloud(count)
    normals = np.random.default_rng(1).normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals[:6] = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    return replace(
        cloud,
        positions=(normals * extent / 2 + np.array(at)).astype(np.float32),
        log_scales=np.full((count, 3), np.log(0.02 * extent), np.float32),
        opacity_logits=np.full(count, 4, np.float32),
        sh_dc=normals.astype(np.float32),
    )


def with_first(splats: GaussianSplats, **rows: object) -> GaussianSplats:
    """Return a copy in which the first splat's rows of the named arrays are replaced."""
    changed = {}
    for name, row in rows.items():
        changed[name] = getattr(splats, name).copy()
        changed[name][0] = row
    return replace(splats, **changed)


def a_fog(count: int = 20_000) -> GaussianSplats:
    """Return large transparent splats, thousands of them over each pixel: the most expensive to render."""
    return replace(
        a_ball(count),
        log_scales=np.full((count, 3), np.log(0.5), np.float32),
        opacity_logits=np.full(count, -4.5, np.float32),
    )
