"""The coordinate systems that SPZ's extension record may name (nianticlabs/spz, `CoordinateSystem`)."""

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.domain.splats.axes import change_axes
from trellis_assets.domain.splats.splats import GaussianSplats

# By number from 1 on. The letters say where x, y and z point: Left or Right, Up or Down, Front or Back.
_NAMES = (
    *("LDB", "RDB", "LUB", "RUB", "LDF", "RDF", "LUF", "RUF"),
    *("LFD", "RFD", "LFU", "RFU", "LBD", "RBD", "LBU", "RBU"),
)
_UNSPECIFIED = 0
# Ours, which the format has where nothing is said: right, up, back.
_DIRECTIONS = {
    "R": (1, 0, 0),
    "L": (-1, 0, 0),
    "U": (0, 1, 0),
    "D": (0, -1, 0),
    "B": (0, 0, 1),
    "F": (0, 0, -1),
}


def to_ours(splats: GaussianSplats, system: int | None) -> GaussianSplats:
    """Return the model with x to the right, y up and z back, whatever system it is stored in.

    Raises:
        SplatFormatError: the system has no such number.
    """
    if system is None or system == _UNSPECIFIED:
        return splats
    if system > len(_NAMES):
        raise SplatFormatError(f"the SPZ file names coordinate system {system}; {len(_NAMES)} are known")
    axes = axes_of(_NAMES[system - 1])
    return splats if np.array_equal(axes, np.eye(3)) else change_axes(splats, axes)


def axes_of(name: str) -> NDArray[np.float32]:
    """Return the (3, 3) matrix that takes coordinates of the named system to ours.

    Example: in "RDF" y points down and z to the front: diag(1, -1, -1).
    """
    return np.array([_DIRECTIONS[letter] for letter in name], np.float32).T
