"""Pictures as bodies: where the silhouette is, and what comes of it."""

import numpy as np
import pytest

from trellis_assets.adapters.generation.embedded.silhouette import inflate, silhouette


def disc(*, background: tuple[int, int, int, int]) -> np.ndarray:
    y, x = np.mgrid[:100, :100]
    picture = np.full((100, 100, 4), background, np.uint8)
    picture[(x - 50) ** 2 + (y - 50) ** 2 < 30**2] = (200, 20, 20, 255)
    return picture


@pytest.mark.parametrize(
    "background",
    [(255, 255, 255, 255), (40, 90, 60, 255), (0, 0, 0, 0)],
    ids=["white", "green", "transparent"],
)
def test_the_object_is_found_before_any_background(background: tuple[int, int, int, int]) -> None:
    share = silhouette(np.pad(disc(background=background), ((2, 2), (2, 2), (0, 0))))[2:-2, 2:-2].mean()
    assert share == pytest.approx(np.pi * 0.3**2, rel=0.03)


def test_a_disc_becomes_a_round_body_of_its_colour() -> None:
    model = inflate(disc(background=(255, 255, 255, 255)), 5000, np.random.default_rng(0))
    size = np.ptp(model.surface.points, axis=0)
    assert size[:2] == pytest.approx(1, abs=0.05)
    assert 0.3 < size[2] < 0.6
    # Both halves, with normals outwards, and nothing of the white around.
    assert (model.surface.points[:, 2] > 0).mean() == pytest.approx(0.5, abs=0.05)
    assert ((model.surface.points * model.surface.normals).sum(axis=1) > -0.1).all()
    assert model.colours == pytest.approx(np.tile([200 / 255, 20 / 255, 20 / 255], (5000, 1)), abs=0.05)


def test_up_in_the_picture_is_up_in_the_model() -> None:
    picture = disc(background=(255, 255, 255, 255))
    picture[:50][picture[:50, :, 1] < 100] = (20, 20, 200, 255)
    model = inflate(picture, 2000, np.random.default_rng(0))
    blue = model.colours[:, 2] > 0.5
    assert model.surface.points[blue, 1].min() > -0.1
    assert model.surface.points[~blue, 1].max() < 0.1


def test_a_picture_of_one_colour_becomes_a_slab() -> None:
    grey = np.full((40, 80, 4), 128, np.uint8)
    grey[..., 3] = 255
    size = np.ptp(inflate(grey, 2000, np.random.default_rng(0)).surface.points, axis=0)
    assert size[0] == pytest.approx(1, abs=0.02)
    assert size[1] == pytest.approx(0.5, abs=0.05)
