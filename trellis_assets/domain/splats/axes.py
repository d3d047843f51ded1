"""Turn models into other axes."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.splats.splats import GaussianSplats

# Rows are our x, y, z in the model's coordinates; each is a proper rotation about x.
_TURNS: dict[Orientation, NDArray[np.float32]] = {
    Orientation.AS_IS: np.eye(3, dtype=np.float32),
    Orientation.TRELLIS_PLY: np.diag([1, -1, -1]).astype(np.float32),
    Orientation.Z_UP: np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32),
}


def turned(splats: GaussianSplats, orientation: Orientation) -> GaussianSplats:
    """Return the model with +Y up.

    Example: with `Z_UP` a splat at (0, 0, 1) comes to (0, 1, 0).
    """
    if orientation is Orientation.AS_IS:
        return splats
    return change_axes(splats, _TURNS[orientation])


def change_axes(splats: GaussianSplats, matrix: NDArray[np.float32]) -> GaussianSplats:
    """Return the model in other axes; spherical harmonics beyond the constant one are dropped.

    A splat's covariance R S^2 R' becomes M R S^2 R' M'. With R := M R M' and S := M S M' the rotation stays
    a rotation also where M mirrors: the quaternion's axis becomes det(M) M v, the scales change places.

    Args:
        splats: in the old axes.
        matrix: (3, 3) M with one 1 or -1 in each row and column; new = M old.
    """
    mirror = np.float32(np.linalg.det(matrix))
    rotations = splats.rotations.copy()
    rotations[:, 1:] = mirror * (splats.rotations[:, 1:] @ matrix.T)
    # Places, not a product with |M|: 0 times an infinite log scale would be NaN.
    places = np.abs(matrix).argmax(axis=1)
    with np.errstate(invalid="ignore"):  # infinite coordinates become NaN: both are malformed
        positions = np.ascontiguousarray(splats.positions @ matrix.T)
    return replace(
        splats,
        positions=positions,
        rotations=rotations,
        log_scales=np.ascontiguousarray(splats.log_scales[:, places]),
        sh_rest=np.zeros((len(splats), 0, 3), np.float32),
    )
