"""A slow renderer to hold the fast one against: float64, no tiles, no bounds, straight from the formulas.

3D covariance R S S^T R^T, projected by the Jacobian of the perspective at the splat's centre, 0.3 px^2
added, alpha = opacity * exp(-d^T C^-1 d / 2), blended front to back (Kerbl et al. 2023). Spherical
harmonics come from scipy's complex ones, not from the closed forms.
"""

import numpy as np
from scipy.special import sph_harm_y

from trellis_assets.domain.splats.cameras import Camera
from trellis_assets.domain.splats.scenes import Scene


def rotation_matrix(quaternion: np.ndarray) -> np.ndarray:
    """Return the (3, 3) matrix, by rotating the unit vectors with q v q*."""

    def times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        vector = a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])
        return np.array([a[0] * b[0] - a[1:] @ b[1:], *vector])

    conjugate = quaternion * [1, -1, -1, -1]
    columns = [times(times(quaternion, np.array([0, *axis])), conjugate)[1:] for axis in np.eye(3)]
    return np.array(columns).T


def colour_seen(sh: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the (3,) colour of coefficients (1 + K, 3) along a unit direction, cut at 0 if K > 0.

    3DGS numbers the real harmonics m = -l..l and carries the Condon-Shortley phase.
    """
    x, y, z = direction
    theta, phi = np.arccos(z), np.arctan2(y, x)
    colour, index = np.full(3, 0.5), 0
    degree = int(np.sqrt(len(sh))) - 1
    for n in range(degree + 1):
        for m in range(-n, n + 1):
            complex_value = sph_harm_y(n, abs(m), theta, phi)
            part = complex_value.imag if m < 0 else complex_value.real
            colour += (np.sqrt(2) if m else 1) * part * sh[index]
            index += 1
    return np.maximum(colour, 0) if degree else colour


def render(scene: Scene, camera: Camera) -> np.ndarray:
    """Return (H, W, 4), as `cpu.render` does."""
    depths = (scene.positions.astype(float) - camera.position) @ camera.rotation[2]
    colour = np.zeros((camera.height, camera.width, 3))
    left = np.ones((camera.height, camera.width))
    done = np.zeros_like(left, dtype=bool)
    rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
    cx, cy = camera.principal_point
    for i in np.argsort(depths, kind="stable"):
        if not 0.01 <= depths[i] <= 100:
            continue
        x, y, z = camera.rotation @ (scene.positions[i].astype(float) - camera.position)
        f = camera.focal
        jacobian = np.array([[f / z, 0, -f * x / z**2], [0, f / z, -f * y / z**2]])
        spread = rotation_matrix(scene.rotations[i].astype(float)) * scene.scales[i].astype(float)
        half = jacobian @ camera.rotation @ spread
        conic = np.linalg.inv(half @ half.T + 0.3 * np.eye(2))
        d = np.stack([columns - (f * x / z + cx), rows - (f * y / z + cy)], axis=-1)
        power = np.einsum("...i,ij,...j", d, conic, d) / 2
        alpha = np.minimum(0.999, float(scene.opacities[i]) * np.exp(-power))
        after = left * (1 - alpha)
        seen = (alpha >= 1 / 255) & ~done
        done |= seen & (after <= 1e-4)
        seen &= ~done
        direction = scene.positions[i].astype(float) - camera.position
        rgb = colour_seen(scene.sh[i].astype(float), direction / np.linalg.norm(direction))
        colour += np.where(seen, alpha * left, 0)[..., None] * rgb
        left = np.where(seen, after, left)
    return np.concatenate([colour, left[..., None]], axis=-1)
