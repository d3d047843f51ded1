"""The subnet's data checks, at their very borders."""

from dataclasses import replace

import numpy as np
import pytest

from trellis_assets.domain.splats.quality_checks import collapsed, failed_data_checks
from trellis_assets.testing.splats import a_ball, a_cloud


def test_a_good_model_fails_nothing() -> None:
    assert failed_data_checks(a_ball(7000)) == ()


def test_fewer_than_7000_splats_are_too_few() -> None:
    (failure,) = failed_data_checks(a_ball(6999))
    assert "6999" in failure


@pytest.mark.parametrize(("index", "fails"), [(0, True), (2, True), (3, False)])
def test_only_the_first_three_splats_are_checked_for_ones(index: int, fails: bool) -> None:
    splats = a_ball(7000)
    splats.positions[index] = 1.0 + 5e-6
    assert bool(failed_data_checks(splats)) is fails


def test_one_coordinate_off_one_is_no_placeholder() -> None:
    splats = a_ball(7000)
    splats.positions[0] = [1, 1, 1.001]
    assert failed_data_checks(splats) == ()


@pytest.mark.parametrize(("transparent", "fails"), [(8000, False), (8001, True)])
def test_more_than_80_percent_transparent_is_too_much(transparent: int, fails: bool) -> None:
    splats = a_ball(10_000)
    splats.opacity_logits[:transparent] = -7.0
    assert bool(failed_data_checks(splats)) is fails


def test_opacity_that_is_infinite_counts_as_what_it_is() -> None:
    opaque = replace(a_ball(7000), opacity_logits=np.full(7000, np.inf, np.float32))
    assert failed_data_checks(opaque) == ()
    gone = replace(opaque, opacity_logits=np.full(7000, -np.inf, np.float32))
    assert len(failed_data_checks(gone)) == 1


def test_identity_rotations_throughout_are_refused_and_one_turned_splat_saves_them() -> None:
    splats = a_ball(7000)
    splats.rotations[:] = [3, 0, 0, 0]
    assert len(failed_data_checks(splats)) == 1
    splats.rotations[-1] = [1, 0.1, 0, 0]
    assert failed_data_checks(splats) == ()


def test_tiny_splats_are_not_refused_though_the_rule_meant_to() -> None:
    small = replace(a_ball(7000), log_scales=np.full((7000, 3), -9, np.float32))
    assert failed_data_checks(small) == ()


def test_every_failed_data_check_is_named_and_an_empty_model_fails() -> None:
    assert len(failed_data_checks(a_cloud(5).subset(np.zeros(5, bool)))) == 1
    bad = replace(a_ball(6000), opacity_logits=np.full(6000, -9, np.float32))
    assert len(failed_data_checks(bad)) == 2


@pytest.mark.parametrize(("logit", "is_collapsed"), [(-9.2, True), (-4.0, True), (-3.0, False), (4.0, False)])
def test_a_model_whose_opacities_are_all_near_zero_is_collapsed(logit: float, is_collapsed: bool) -> None:
    splats = replace(a_ball(7000), opacity_logits=np.full(7000, logit, np.float32))
    assert (collapsed(splats) is not None) is is_collapsed


def test_a_faint_shell_around_an_opaque_body_is_not_collapsed() -> None:
    splats = a_ball(7000)
    splats.opacity_logits[:5600] = -4.0
    assert collapsed(splats) is None
