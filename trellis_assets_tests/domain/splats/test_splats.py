"""The splat as a value: shapes that belong together, and what is derived from them."""

from dataclasses import replace

import numpy as np
import pytest

from trellis_assets.domain.splats.splats import SplatsShapeError
from trellis_assets.testing.splats import a_ball, a_cloud


@pytest.mark.parametrize("name", ["log_scales", "rotations", "opacity_logits", "sh_dc", "sh_rest"])
def test_arrays_of_another_length_are_refused(name: str) -> None:
    splats = a_cloud(10)
    with pytest.raises(SplatsShapeError, match=name):
        replace(splats, **{name: getattr(splats, name)[:-1]})


def test_sh_coefficients_that_make_no_degree_are_refused() -> None:
    with pytest.raises(SplatsShapeError, match=r"0\|3\|8\|15"):
        replace(a_cloud(10), sh_rest=np.zeros((10, 4, 3), np.float32))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_the_degree_follows_from_the_coefficients(degree: int) -> None:
    assert a_cloud(5, degree=degree).sh_degree == degree


def test_opacities_of_infinite_logits_are_nothing_and_all() -> None:
    splats = replace(a_cloud(3), opacity_logits=np.float32([-np.inf, 0, np.inf]))
    assert splats.opacities.tolist() == [0, 0.5, 1]


def test_the_extent_is_the_longest_side_of_the_box() -> None:
    assert a_ball(extent=3.0, at=(9, 9, 9)).extent == pytest.approx(3)
    assert a_cloud(4).subset(np.zeros(4, bool)).extent == 0


def test_a_subset_keeps_rows_together_and_in_order() -> None:
    splats = a_cloud(5, degree=1)
    part = splats.subset(np.array([True, False, False, True, True]))
    np.testing.assert_array_equal(part.sh_rest, splats.sh_rest[[0, 3, 4]])
    np.testing.assert_array_equal(part.opacity_logits, splats.opacity_logits[[0, 3, 4]])
