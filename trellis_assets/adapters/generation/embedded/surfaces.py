"""Points spread evenly over the surfaces of simple bodies, with their normals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.generation.embedded.vocabulary import Part

Array = NDArray[np.float64]
_CYLINDER = ((0.0, -0.5), (0.5, -0.5), (0.5, 0.5), (0.0, 0.5))
_CONE = ((0.0, -0.5), (0.5, -0.5), (0.0, 0.5))
_CURVE_POINTS = 160
# Candidates per wanted point: stretching a body unevenly thins its points unevenly, which choosing
# among more of them evens out.
_OVERSAMPLING = 3
_PROBE = 512


@dataclass(frozen=True, slots=True)
class SurfacePoints:
    """(N, 3) points with (N, 3) unit normals pointing outwards."""

    points: Array
    normals: Array


def part_area(part: Part, rng: np.random.Generator) -> float:
    """Return the area of the part with all its copies, estimated from a few hundred points."""
    _, area = _stretched(part, _PROBE, rng)
    return area * part.around * (2 if part.mirror else 1)


def sample_part(part: Part, count: int, rng: np.random.Generator) -> SurfacePoints:
    """Return `count` points over the part with all its copies, in the model's coordinates."""
    surface, _ = _stretched(part, count, rng)
    turn = rotation_matrix(*part.turn)
    points = surface.points @ turn.T + np.array(part.at)
    normals = surface.normals @ turn.T
    if part.mirror:
        sign = np.where(np.arange(count) % 2, -1.0, 1.0)
        points[:, 0] *= sign
        normals[:, 0] *= sign
    if part.around > 1:
        angles = 2 * np.pi / part.around * rng.integers(part.around, size=count)
        points, normals = _turned_about_y(points, angles), _turned_about_y(normals, angles)
    return SurfacePoints(points, normals)


def rotation_matrix(x: float, y: float, z: float) -> Array:
    """Return the (3, 3) rotation by degrees about x, then y, then z."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians([x, y, z])), np.sin(np.radians([x, y, z]))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    rotation: Array = about_z @ about_y @ about_x
    return rotation


def _turned_about_y(vectors: Array, angles: NDArray[np.floating]) -> Array:
    cos, sin = np.cos(angles), np.sin(angles)
    x, y, z = vectors.T
    return np.column_stack([x * cos + z * sin, y, z * cos - x * sin])


def _stretched(part: Part, count: int, rng: np.random.Generator) -> tuple[SurfacePoints, float]:
    """Return `count` points spread evenly over one copy of the part after `size`, and its area.

    An area element with unit normal n grows by det(S) |S^-1 n| under the stretch S = diag(size).
    """
    surface, area = _unit_body(part, count * _OVERSAMPLING, rng)
    size = np.array(part.size)
    if part.shape == "torus":
        size[1] *= 0.5 / _torus_tube(part)  # so that it fills the unit cube's height as well
    bent = surface.normals / size
    lengths = np.linalg.norm(bent, axis=1)
    growth = size.prod() * lengths
    chosen = _systematic_choice(growth, count, rng)
    normals = bent[chosen] / lengths[chosen, None]
    return SurfacePoints(surface.points[chosen] * size, normals), area * float(growth.mean())


def _systematic_choice(weights: Array, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return `count` indices, each about as often as its share of the weights."""
    steps = (np.arange(count) + rng.uniform()) / count
    bounds = np.cumsum(weights)
    chosen: NDArray[np.intp] = np.minimum(np.searchsorted(bounds, steps * bounds[-1]), len(weights) - 1)
    return chosen


def _unit_body(part: Part, count: int, rng: np.random.Generator) -> tuple[SurfacePoints, float]:
    """Return `count` points spread evenly over the body before `size`, and its area."""
    match part.shape:
        case "sphere":
            normals = rng.normal(size=(count, 3))
            normals /= np.linalg.norm(normals, axis=1, keepdims=True)
            return SurfacePoints(normals / 2, normals), np.pi
        case "box":
            return _box(count, rng)
        case "torus":
            return _torus(_torus_tube(part), count, rng)
        case "tube":
            return _tube(np.array(part.points), part.radius, count, rng)
        case "cylinder":
            return _revolution(np.array(_CYLINDER), count, rng)
        case "cone":
            return _revolution(np.array(_CONE), count, rng)
        case _:
            return _revolution(np.array(part.points), count, rng)


def _box(count: int, rng: np.random.Generator) -> tuple[SurfacePoints, float]:
    points = rng.uniform(-0.5, 0.5, size=(count, 3))
    axis, side = rng.integers(3, size=count), rng.choice([-1.0, 1.0], size=count)
    normals = np.zeros((count, 3))
    rows = np.arange(count)
    normals[rows, axis] = side
    points[rows, axis] = side / 2
    return SurfacePoints(points, normals), 6.0


def _torus_tube(part: Part) -> float:
    """Return the radius of the tube, bounded so that the hole stays open."""
    return min(part.radius, 0.24)


def _torus(tube: float, count: int, rng: np.random.Generator) -> tuple[SurfacePoints, float]:
    """Return a torus that lies flat in a unit square, 2 * tube high."""
    ring = 0.5 - tube
    # The outer side of the ring is longer: accept angles in proportion to it.
    around = rng.uniform(0, 2 * np.pi, size=4 * count)
    share = (ring + tube * np.cos(around)) / 0.5
    around = np.resize(around[rng.uniform(size=len(around)) < share], count)
    angle = rng.uniform(0, 2 * np.pi, size=count)
    flat = np.cos(around)
    normals = np.column_stack([flat * np.cos(angle), np.sin(around), flat * np.sin(angle)])
    centre = ring * np.column_stack([np.cos(angle), np.zeros(count), np.sin(angle)])
    return SurfacePoints(centre + tube * normals, normals), 4 * np.pi**2 * ring * tube


def _revolution(profile: Array, count: int, rng: np.random.Generator) -> tuple[SurfacePoints, float]:
    """Return the surface of a profile of (radius, height) points turned about the vertical."""
    start, step = profile[:-1], np.diff(profile, axis=0)
    lengths = np.linalg.norm(step, axis=1)
    areas = np.pi * (start[:, 0] + profile[1:, 0]) * lengths
    segment = _systematic_choice(areas, count, rng)
    r0, r1 = start[segment, 0], profile[1:][segment, 0]
    # Evenly over a cone's frustum: the inverse of the area grown so far.
    t = (np.sqrt(r0**2 + rng.uniform(size=count) * (r1**2 - r0**2)) - r0) / np.where(r1 == r0, 1, r1 - r0)
    t = np.where(np.abs(r1 - r0) < 1e-9, rng.uniform(size=count), t)  # noqa: PLR2004 - a cylinder
    meridian = start[segment] + t[:, None] * step[segment]
    out = np.column_stack([step[segment, 1], -step[segment, 0]]) / lengths[segment, None]
    angle = rng.uniform(0, 2 * np.pi, size=count)
    cos, sin = np.cos(angle), np.sin(angle)
    points = np.column_stack([meridian[:, 0] * cos, meridian[:, 1], meridian[:, 0] * sin])
    normals = np.column_stack([out[:, 0] * cos, out[:, 1], out[:, 0] * sin])
    return SurfacePoints(points, normals), float(areas.sum())


def _tube(path: Array, radius: float, count: int, rng: np.random.Generator) -> tuple[SurfacePoints, float]:
    """Return a tube of even radius along a smooth curve through the points of `path`."""
    curve = smooth_curve(path, _CURVE_POINTS)
    step = np.diff(curve, axis=0)
    lengths = np.linalg.norm(step, axis=1)
    segment = _systematic_choice(lengths, count, rng)
    along = step[segment] / lengths[segment, None]
    centre = curve[segment] + rng.uniform(size=(count, 1)) * step[segment]
    normals = np.cross(along, rng.normal(size=(count, 3)))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return SurfacePoints(centre + radius * normals, normals), float(2 * np.pi * radius * lengths.sum())


def smooth_curve(path: Array, count: int) -> Array:
    """Return (count, 3) points of the Catmull-Rom spline through `path` (M, 3)."""
    padded = np.vstack([2 * path[0] - path[1], path, 2 * path[-1] - path[-2]])
    position = np.linspace(0, len(path) - 1, count)
    i = np.minimum(position.astype(np.intp), len(path) - 2)
    t = (position - i)[:, None]
    p0, p1, p2, p3 = (padded[i + k] for k in range(4))
    curve: Array = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return curve
