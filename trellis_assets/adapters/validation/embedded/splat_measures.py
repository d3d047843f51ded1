"""What can be told of a model's quality from its splats, before they are rendered."""

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.splats.scenes import RENDERED_EXTENT
from trellis_assets.domain.splats.splats import GaussianSplats

Array = NDArray[np.float64]

_VOXELS = 24
_CORE_SHARE = 0.99
# Where each quality is full, and where it is nothing. Settled on the embedded generator's models,
# a real model of 267,776 splats, and clouds of random splats, which lie clearly apart.
_GOOD_COMPACTNESS = 0.9
_SURFACE_DIMENSION, _CLOUD_DIMENSION = 2.45, 2.95
_GOOD_OPACITY = 0.9
_COHERENT, _RANDOM = 0.4, 1.0


def measure_splats(splats: GaussianSplats) -> dict[str, float]:
    """Return each quality by name, 0 (bad) to 1 (good). Non-finite splats must have been dropped.

    - compactness: how much of the extent the innermost 99 % of the splats fill; strays spoil it;
    - solidity: surfaces (dimension 2) rather than a cloud (dimension 3);
    - opacity: mean opacity as rendered, after the validators' dimming of small models;
    - coherence: neighbours have similar colours.
    """
    positions, extent = _normalised(splats.positions.astype(np.float64))
    opacities = np.clip(splats.opacities.astype(np.float64) * extent / RENDERED_EXTENT, 0, 1)
    colours = np.clip(splats.colours.astype(np.float64), 0, 1)
    return {
        "compactness": rising(_core_extent(positions), _GOOD_COMPACTNESS),
        "solidity": falling(_dimension(positions), _SURFACE_DIMENSION, _CLOUD_DIMENSION),
        "opacity": rising(_mean_of_visible(opacities), _GOOD_OPACITY),
        "coherence": falling(_local_colour_spread(positions, colours), _COHERENT, _RANDOM),
    }


def rising(value: float, full: float, nothing: float = 0.0) -> float:
    """Return 0 at `nothing` and below, 1 at `full` and above, linear between."""
    return float(np.clip((value - nothing) / (full - nothing), 0, 1))


def falling(value: float, good: float, bad: float) -> float:
    """Return 1 at `good` and below, 0 at `bad` and above, linear between."""
    return float(np.clip((bad - value) / (bad - good), 0, 1))


def _normalised(positions: Array) -> tuple[Array, float]:
    """Return (N, 3) positions with their bounding box centred in a cube -0.5..0.5, and the extent before."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    extent = float((high - low).max())
    return (positions - (low + high) / 2) / (extent or 1.0), extent


def _cells(positions: Array, count: int) -> NDArray[np.int64]:
    """Return positions in -0.5..0.5 as indices 0..count-1 along each axis."""
    return np.clip(((positions + 0.5) * count).astype(np.int64), 0, count - 1)


def _voxels(positions: Array, per_side: int) -> NDArray[np.int64]:
    """Return (N,) numbers of the cell of a cubic grid that each position is in."""
    numbers: NDArray[np.int64] = _cells(positions, per_side) @ np.array([per_side**2, per_side, 1])
    return numbers


def _core_extent(positions: Array) -> float:
    """Return the largest side of the box that leaves out the outermost 1 % along each axis."""
    tail = (1 - _CORE_SHARE) / 2
    low, high = np.quantile(positions, [tail, 1 - tail], axis=0)
    return float((high - low).max())


def _dimension(positions: Array) -> float:
    """Return the correlation dimension: how fast pairs of splats stop sharing a cell as cells are halved.

    A factor of 4 for surfaces (dimension 2), of 8 for a cloud (3), whatever the number of splats.
    """
    pairs = []
    for per_side in (_VOXELS, 2 * _VOXELS):
        counts = np.bincount(_voxels(positions, per_side)).astype(np.float64)
        pairs.append(float((counts * (counts - 1)).sum()))
    return float(np.log2(max(pairs[0], 1.0) / max(pairs[1], 1.0)))


def _mean_of_visible(opacities: Array) -> float:
    """Return the mean weighted by opacity itself: transparent splats do no harm beside opaque ones."""
    total = float(opacities.sum())
    return float((opacities**2).sum()) / total if total > 0 else 0.0


def _local_colour_spread(positions: Array, colours: Array) -> float:
    """Return the deviation of colour among neighbours over that of the whole model: about 1 at random."""
    overall = float(colours.var(axis=0).mean())
    _, voxel = np.unique(_voxels(positions, _VOXELS), return_inverse=True)
    counts = np.bincount(voxel).astype(np.float64)
    variance = np.zeros(len(counts))
    for channel in colours.T:
        mean = np.bincount(voxel, channel) / counts
        variance += (np.bincount(voxel, channel**2) / counts - mean**2) / 3
    # A splat alone in its cell says nothing; the others' variance is made unbiased.
    shared = counts > 1
    if overall <= 0 or not shared.any():
        return 0.0
    unbiased = variance[shared] * counts[shared] / (counts[shared] - 1)
    local = float(np.average(unbiased, weights=counts[shared]))
    return float(np.sqrt(max(0.0, local) / overall))
