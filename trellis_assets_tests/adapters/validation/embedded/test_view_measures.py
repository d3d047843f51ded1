"""Measures of pictures, on pictures made for the purpose."""

import numpy as np
import pytest

from trellis_assets.adapters.rendering.pictures import validator_views
from trellis_assets.adapters.validation.embedded.view_measures import consistency, likeness, measure_views
from trellis_assets.testing.splats import a_ball


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48, 3), dtype=np.uint8)


def test_equal_views_are_wholly_consistent_and_unrelated_ones_are_not() -> None:
    assert consistency([noise(1)] * 4) == pytest.approx(1.0)
    assert consistency([noise(seed) for seed in range(4)]) < 0.2


def test_a_last_view_that_repeats_the_first_adds_nothing() -> None:
    views = [noise(seed) // 4 + 128 for seed in range(4)]
    assert consistency([*views, views[0]]) == pytest.approx(consistency(views))


def test_a_broken_view_among_good_ones_is_seen() -> None:
    views = list(validator_views(a_ball(), 64))
    broken = [*views]
    broken[5] = np.roll(views[5], 20, axis=1)
    assert consistency(broken) < consistency(views) - 0.02


def test_nothing_in_the_picture_has_no_quality() -> None:
    nothing = np.zeros((32, 32, 4), np.float32)
    nothing[..., 3] = 1
    assert set(measure_views([nothing] * 4, [nothing]).values()) == {0.0}


def test_a_cloud_about_the_camera_covers_everything_and_counts_as_no_coverage() -> None:
    fog = np.full((32, 32, 4), 0.3, np.float32)
    assert measure_views([fog] * 4, [fog])["coverage"] == 0


def test_likeness_is_of_colours_within_the_silhouette() -> None:
    def disc(colour: tuple[int, int, int], size: int) -> np.ndarray:
        picture = np.full((64, 64, 3), 255, np.uint8)
        picture[:size, :size] = colour
        return picture

    wanted = np.dstack([disc((200, 20, 20), 20), np.full((64, 64), 255, np.uint8)])
    assert likeness([disc((20, 20, 200), 30), disc((200, 20, 20), 40)], wanted) == pytest.approx(1.0)
    assert likeness([disc((20, 20, 200), 30)], wanted) < 0.01
