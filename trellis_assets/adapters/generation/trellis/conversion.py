"""TRELLIS's Gaussians -> ours: activated tensors, +Z up, to stored values, +Y up."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.splats.splats import GaussianSplats

# A turn by -90 degrees about x: (x, y, z) becomes (x, z, -y), so that what was up stays up.
# TRELLIS's own PLY files turn the other way, head down as many viewers want it; validators render +Y up.
_TURN = np.array([np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0])
# Keeps logarithms and logits of what rounds to the bounds finite.
_LEAST = 1e-7


class TrellisGaussian(Protocol):
    """The parts of `trellis.representations.Gaussian` that are read: torch tensors, activated.

    Attributes:
        get_xyz: (N, 3). get_scaling: (N, 3) standard deviations. get_rotation: (N, 4) wxyz.
        get_opacity: (N, 1) in 0..1. get_features: (N, 1, 3) constant SH coefficients.
    """

    get_xyz: Any
    get_scaling: Any
    get_rotation: Any
    get_opacity: Any
    get_features: Any


def splats_of(gaussian: TrellisGaussian) -> GaussianSplats:
    """Return the model as it is stored: +Y up, facing +Z."""
    xyz = _array(gaussian.get_xyz)
    opacity = np.clip(_array(gaussian.get_opacity).reshape(-1), _LEAST, 1 - _LEAST)
    count = len(xyz)
    return GaussianSplats(
        positions=np.column_stack([xyz[:, 0], xyz[:, 2], -xyz[:, 1]]).astype(np.float32),
        log_scales=np.log(np.maximum(_array(gaussian.get_scaling), _LEAST)).astype(np.float32),
        rotations=_turned(_array(gaussian.get_rotation)).astype(np.float32),
        opacity_logits=np.log(opacity / (1 - opacity)).astype(np.float32),
        sh_dc=_array(gaussian.get_features).reshape(count, -1)[:, :3].astype(np.float32),
        sh_rest=np.zeros((count, 0, 3), np.float32),
    )


def _array(tensor: Any) -> NDArray[np.float64]:
    values: NDArray[np.float64] = tensor.detach().float().cpu().numpy().astype(np.float64)
    return values


def _turned(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quaternion product of the turn and each rotation: the splat's own comes first."""
    w, x, y, z = _TURN
    a, b, c, d = rotations.T
    return np.column_stack(
        [
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        ]
    )
