"""A picture -> surface points and their colours: its silhouette, blown up like a cushion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.generation.embedded.surfaces import Array, SurfacePoints

# Pictures are looked at in this size: enough for the detail that 32,000 splats can show.
_SIDE = 256
# Colours that differ less from the border's belong to the background; in units of 255.
_BACKGROUND_TOLERANCE = 28.0
_OPAQUE = 128
# With less or more than this of the picture, the silhouette says nothing: the whole picture is taken.
_LEAST, _MOST = 0.01, 0.97
# Half the depth of the model where it is deepest, in units of its longest side.
_DEPTH = 0.22
_SMOOTHING = 1.5
_FRINGE = 2.5


@dataclass(frozen=True, slots=True)
class Inflated:
    """Points on the blown-up silhouette in a unit cube, facing +Z, and their RGB (N, 3) in 0..1."""

    surface: SurfacePoints
    colours: Array
    area: float


def inflate(picture: NDArray[np.uint8], count: int, rng: np.random.Generator) -> Inflated:
    """Return `count` points spread evenly over front and back of the picture's object.

    The depth at a pixel grows with the square root of its distance from the silhouette's edge, so
    that a disc becomes nearly a ball (as in Igarashi et al., Teddy, 1999). The back repeats the front.

    Args:
        picture: (H, W, 4) RGBA; where it is opaque all over, the border's colour is the background.
        count: number of points.
        rng: places them.
    """
    from PIL import Image
    from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

    small = Image.fromarray(picture)
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    pixels = np.pad(np.asarray(small), ((2, 2), (2, 2), (0, 0)))
    mask = silhouette(pixels)
    distance = distance_transform_edt(mask)
    longest = float(max(np.ptp(axis) + 1 for axis in np.nonzero(mask)))
    depth = np.sqrt(distance / distance.max()) * _DEPTH * longest
    depth = gaussian_filter(depth, _SMOOTHING) * mask
    slope_y, slope_x = np.gradient(depth)
    growth = np.sqrt(1 + slope_x**2 + slope_y**2)

    rows, columns = np.nonzero(mask)
    weights = growth[rows, columns]
    chosen = rng.choice(len(rows), size=count, p=weights / weights.sum())
    place = np.stack([rows[chosen], columns[chosen]]) + rng.uniform(-0.5, 0.5, (2, count))
    side = rng.choice([-1.0, 1.0], size=count)

    def at(field: Array) -> Array:
        values: Array = map_coordinates(field, place, order=1, mode="nearest")
        return values

    normals = np.column_stack([-at(slope_x), at(slope_y), np.ones(count)])
    normals[:, 2] *= side
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points = np.column_stack([place[1], -place[0], side * at(depth)])
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 1 / float((high - low).max())
    colours = _without_fringe(pixels[..., :3], distance)[rows[chosen], columns[chosen]] / 255
    return Inflated(
        SurfacePoints((points - (low + high) / 2) * scale, normals),
        np.clip(colours, 0.01, 0.99),
        2 * float(weights.sum()) * scale**2,
    )


def _without_fringe(rgb: NDArray[np.uint8], distance: Array) -> NDArray[np.uint8]:
    """Return (H, W, 3) whose colours at the silhouette's edge are taken from further inside."""
    from scipy.ndimage import distance_transform_edt

    inner = distance > min(_FRINGE, float(distance.max()) / 2)
    nearest = distance_transform_edt(~inner, return_distances=False, return_indices=True)
    cleaned: NDArray[np.uint8] = rgb[nearest[0], nearest[1]]
    return cleaned


def silhouette(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (H, W) bool: what is opaque, or differs from the border of an opaque picture."""
    from scipy.ndimage import binary_fill_holes, binary_opening

    # The outermost two rows and columns were added and are empty.
    inner = pixels[2:-2, 2:-2]
    opaque = inner[..., 3] >= _OPAQUE
    found = opaque
    if opaque.all():
        rgb = inner[..., :3].astype(np.float64)
        border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
        away = np.linalg.norm(rgb - np.median(border, axis=0), axis=2)
        found = binary_opening(away > _BACKGROUND_TOLERANCE)
    found = binary_fill_holes(found)
    if not _LEAST <= found.mean() <= _MOST:
        found = np.ones_like(opaque)
    return np.pad(found, 2)
