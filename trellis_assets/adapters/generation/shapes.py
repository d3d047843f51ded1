"""Surfaces sampled as points with normals, from simple parts. Lengths in half-models."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.generation.vocabulary import PROFILES

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """(N, 3) points, (N, 3) unit normals, (N,) which colour of the palette, 0 or 1."""

    points: Array
    normals: Array
    paint: NDArray[np.int64]


# A part: its share of the points, and what samples it.
Part = tuple[float, Callable[[np.random.Generator, int], tuple[Array, Array]], int]


def revolve(profile: tuple[tuple[float, float], ...]) -> Callable[..., tuple[Array, Array]]:
    """A body of revolution about +Y; `profile` holds (height, radius) from bottom to top."""
    heights, radii = (np.array(column, float) for column in zip(*profile, strict=True))
    lengths = np.hypot(np.diff(heights), np.diff(radii))
    weights = lengths * (radii[1:] + radii[:-1])

    def sample(random: np.random.Generator, count: int) -> tuple[Array, Array]:
        segment = random.choice(len(lengths), count, p=weights / weights.sum())
        along, turn = random.random(count), random.random(count) * 2 * np.pi
        height = heights[segment] + along * np.diff(heights)[segment]
        radius = radii[segment] + along * np.diff(radii)[segment]
        points = np.stack([radius * np.cos(turn), height, radius * np.sin(turn)], axis=1)
        out, up = np.diff(heights)[segment], -np.diff(radii)[segment]
        normals = np.stack([out * np.cos(turn), up, out * np.sin(turn)], axis=1)
        return points, normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)

    return sample


def box(
    centre: tuple[float, float, float], size: tuple[float, float, float]
) -> Callable[..., tuple[Array, Array]]:
    """The six faces of an axis-aligned box of the given full size."""
    half = np.array(size) / 2
    areas = np.repeat([half[1] * half[2], half[0] * half[2], half[0] * half[1]], 2)

    def sample(random: np.random.Generator, count: int) -> tuple[Array, Array]:
        face = random.choice(6, count, p=areas / areas.sum())
        axis, sign = face // 2, np.where(face % 2 == 0, -1.0, 1.0)
        points = random.uniform(-1, 1, (count, 3))
        points[np.arange(count), axis] = sign
        normals = np.zeros((count, 3))
        normals[np.arange(count), axis] = sign
        return points * half + np.array(centre), normals

    return sample


def ball(
    centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> Callable[..., tuple[Array, Array]]:
    """An ellipsoid."""

    def sample(random: np.random.Generator, count: int) -> tuple[Array, Array]:
        unit = random.normal(size=(count, 3))
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        normals = unit / np.array(radii)
        return unit * np.array(radii) + np.array(centre), normals / np.linalg.norm(
            normals, axis=1, keepdims=True
        )

    return sample


def ring(radius: float, thickness: float) -> Callable[..., tuple[Array, Array]]:
    """A torus that stands upright and faces +Z."""

    def sample(random: np.random.Generator, count: int) -> tuple[Array, Array]:
        around, tube = random.random((2, count)) * 2 * np.pi
        centre = np.stack([np.cos(around), np.sin(around), np.zeros(count)], axis=1)
        normals = centre * np.cos(tube)[:, None] + np.array([0, 0, 1.0]) * np.sin(tube)[:, None]
        return centre * radius + normals * thickness, normals

    return sample


def _legs(width: float, depth: float, low: float, high: float) -> list[Part]:
    middle, length = (low + high) / 2, high - low
    corners = [(x, z) for x in (-width, width) for z in (-depth, depth)]
    return [(0.08, box((x, middle, z), (0.1, length, 0.1)), 1) for x, z in corners]


def _wheels() -> list[Part]:
    corners = [(x, z) for x in (-0.55, 0.55) for z in (-0.42, 0.42)]
    return [(0.07, ball((x, -0.35, z), (0.22, 0.22, 0.08)), 1) for x, z in corners]


SHAPES: dict[str, list[Part]] = {
    "box": [(0.8, box((0, 0, 0), (1.1, 1.3, 0.8)), 0), (0.2, box((0, 0.7, 0), (1.2, 0.12, 0.9)), 1)],
    "ball": [(0.95, ball((0, 0, 0), (0.9, 0.9, 0.9)), 0), (0.05, box((0, 0.95, 0), (0.06, 0.25, 0.06)), 1)],
    "ring": [(0.8, ring(0.75, 0.14), 0), (0.2, ball((0, 0.95, 0), (0.2, 0.2, 0.2)), 1)],
    "cylinder": [(1.0, revolve(((-0.9, 0.02), (-0.9, 0.5), (0.9, 0.5), (0.9, 0.02))), 0)],
    "table": [(0.68, box((0, 0.45, 0), (1.8, 0.14, 1.1)), 0), *_legs(0.8, 0.45, -0.7, 0.4)],
    "chair": [
        (0.38, box((0, 0, 0), (0.9, 0.12, 0.9)), 0),
        (0.3, box((0, 0.55, -0.4), (0.9, 1.0, 0.1)), 0),
        *_legs(0.38, 0.38, -0.8, -0.05),
    ],
    "boat": [
        (0.45, ball((0, -0.6, 0), (0.95, 0.3, 0.32)), 0),
        (0.1, box((0, 0.2, 0), (0.05, 1.5, 0.05)), 1),
        (0.45, box((0.28, 0.3, 0), (0.5, 1.1, 0.03)), 1),
    ],
    "car": [
        (0.44, box((0, -0.1, 0), (1.9, 0.42, 0.85)), 0),
        (0.28, box((-0.1, 0.28, 0), (0.95, 0.36, 0.75)), 0),
        *_wheels(),
    ],
    "creature": [
        (0.4, ball((0, 0, -0.1), (0.38, 0.4, 0.65)), 0),
        (0.28, ball((0, 0.5, 0.5), (0.32, 0.32, 0.32)), 0),
        *_legs(0.24, 0.35, -0.85, -0.2),
    ],
    "blade": [
        (0.6, box((0, 0.3, 0), (0.2, 1.35, 0.06)), 0),
        (0.2, box((0, -0.42, 0), (0.7, 0.1, 0.12)), 1),
        (0.2, box((0, -0.7, 0), (0.12, 0.5, 0.12)), 1),
    ],
} | {name: [(1.0, revolve(profile), 0)] for name, profile in PROFILES.items()}


def sample_shape(name: str, random: np.random.Generator, count: int) -> Surface:
    """`count` points on the parts of a shape, by their shares."""
    parts = SHAPES[name]
    shares = np.array([share for share, _, _ in parts])
    counts = np.maximum(1, np.floor(shares / shares.sum() * count).astype(int))
    counts[0] += count - counts.sum()
    sampled = [part(random, int(n)) for (_, part, _), n in zip(parts, counts, strict=True)]
    return Surface(
        points=np.concatenate([points for points, _ in sampled]),
        normals=np.concatenate([normals for _, normals in sampled]),
        paint=np.concatenate([np.full(n, paint) for (_, _, paint), n in zip(parts, counts, strict=True)]),
    )
