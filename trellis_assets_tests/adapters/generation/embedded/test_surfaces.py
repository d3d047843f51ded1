"""Points lie on the bodies, evenly, with normals that point outwards."""

import numpy as np
import pytest

from trellis_assets.adapters.generation.embedded.surfaces import part_area, sample_part, smooth_curve
from trellis_assets.adapters.generation.embedded.vocabulary import Part

PROFILE = ((0.0, -0.5), (0.5, -0.5), (0.3, 0.1), (0.0, 0.5))
PATH = ((0.0, -0.5, 0.0), (0.2, 0.0, 0.1), (0.0, 0.5, 0.0))
BODIES = [
    Part("sphere", size=(1.0, 2.0, 0.5)),
    Part("box", size=(1.0, 0.1, 2.0)),
    Part("cylinder"),
    Part("cone"),
    Part("torus", size=(1.0, 0.2, 1.0)),
    Part("revolution", points=PROFILE),
    Part("tube", points=PATH, radius=0.1),
]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("part", "area"),
    [
        (Part("sphere"), np.pi),
        (Part("sphere", size=(2.0, 2.0, 2.0)), 4 * np.pi),
        (Part("box", size=(1.0, 2.0, 3.0)), 22),
        (Part("cylinder"), 1.5 * np.pi),
        (Part("cone"), np.pi / 4 + np.pi * 0.5 * np.sqrt(1.25)),
        (Part("torus", size=(1.0, 0.2, 1.0), radius=0.1), 4 * np.pi**2 * 0.4 * 0.1),
        (Part("tube", points=((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), radius=0.1), 0.2 * np.pi),
        (Part("box", around=4, mirror=True), 48),
    ],
)
def test_estimated_areas_match_the_formulas_of_geometry(part: Part, area: float) -> None:
    assert part_area(part, rng()) == pytest.approx(area, rel=0.06)


@pytest.mark.parametrize("part", BODIES, ids=lambda part: part.shape)
def test_normals_are_of_length_one_and_point_outwards(part: Part) -> None:
    surface = sample_part(part, 3000, rng())
    assert surface.points.shape == surface.normals.shape == (3000, 3)
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1, atol=1e-9)
    # The divergence theorem: the mean of x.n times the area is three times the volume.
    assert (surface.points * surface.normals).sum(axis=1).mean() > 0


def test_points_on_a_stretched_ball_are_on_it_and_even() -> None:
    part = Part("sphere", size=(4.0, 1.0, 1.0), at=(1.0, 2.0, 3.0))
    points = sample_part(part, 20_000, rng()).points - np.array(part.at)
    np.testing.assert_allclose((points**2 / np.array([4, 0.25, 0.25])).sum(axis=1), 1, atol=1e-9)
    # An even share of a long ellipsoid's area lies near its middle: far more than of its points
    # would, had they been stretched along.
    near_middle = (np.abs(points[:, 0]) < 1).mean()
    x = np.linspace(-2, 2, 20_001)
    r = 0.5 * np.sqrt(np.clip(1 - x**2 / 4, 0, None))
    bands = np.hypot(np.diff(x), np.diff(r)) * (r[1:] + r[:-1])
    expected = bands[np.abs(x[:-1]) < 1].sum() / bands.sum()
    assert near_middle == pytest.approx(expected, abs=0.02)


def test_copies_go_around_the_vertical_and_to_the_other_side() -> None:
    around = sample_part(Part("sphere", size=(0.1, 0.1, 0.1), at=(1.0, 0.0, 0.0), around=4), 4000, rng())
    quarters = np.round(np.degrees(np.arctan2(around.points[:, 2], around.points[:, 0])) / 90) % 4
    assert np.bincount(quarters.astype(int)).min() > 800
    mirrored = sample_part(Part("box", at=(3.0, 0.0, 0.0), mirror=True), 1000, rng())
    assert (mirrored.points[:, 0] > 0).mean() == 0.5


def test_smooth_curve_passes_through_its_control_points() -> None:
    path = np.array([[0, 0, 0], [1, 2, 0], [3, 1, 1], [4, 4, 4]], float)
    np.testing.assert_allclose(smooth_curve(path, 31)[[0, 10, 20, 30]], path, atol=1e-9)
