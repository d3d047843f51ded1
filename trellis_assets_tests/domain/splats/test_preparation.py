"""What the validators' renderer makes of a prepared model, by its own arithmetic (PROTOCOL 6.3)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis_assets.adapters.splat_io.spz import decode_spz, encode_spz
from trellis_assets.domain.splats.preparation import prepare_for_submission, unprepared
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.testing.splats import a_ball, a_cloud, with_first


def as_rendered(splats: GaussianSplats) -> tuple[np.ndarray, np.ndarray]:
    """Positions and opacities in the validators' picture, after the model went through SPZ."""
    received = decode_spz(encode_spz(splats))
    k = 1.5 / received.extent
    positions = (received.positions - received.positions.mean()) * k
    return positions, np.clip(received.opacities / k, 0, 1)


def box_centre(positions: np.ndarray) -> np.ndarray:
    return (positions.min(axis=0) + positions.max(axis=0)) / 2


def joined(*models: GaussianSplats) -> GaussianSplats:
    return GaussianSplats(
        **{name: np.concatenate([getattr(m, name) for m in models]) for name in GaussianSplats.__slots__}
    )


@pytest.mark.parametrize("extent", [0.01, 0.997, 1.5, 40.0])
def test_opacity_is_neither_dimmed_nor_raised_in_the_picture(extent: float) -> None:
    splats = replace(a_ball(extent=extent), opacity_logits=np.full(8000, 0.4, np.float32))
    prepared = prepare_for_submission(splats).splats
    assert decode_spz(encode_spz(prepared)).extent == 1.5
    _, opacities = as_rendered(prepared)
    np.testing.assert_allclose(opacities, splats.opacities, atol=0.0021)
    if extent < 1.4:
        assert as_rendered(splats)[1].max() < splats.opacities.max() * 0.7


def test_scales_are_multiplied_as_positions_are() -> None:
    model = prepare_for_submission(a_ball(extent=0.5))
    assert model.report.scale_factor == pytest.approx(3)
    np.testing.assert_allclose(model.splats.scales, a_ball(extent=0.5).scales * 3, rtol=1e-5)


def test_a_model_off_centre_on_one_axis_ends_in_the_middle() -> None:
    splats = a_ball(at=(0, 0, 2.0))
    assert np.abs(box_centre(as_rendered(splats)[0])).max() > 0.9
    assert np.abs(box_centre(as_rendered(prepare_for_submission(splats).splats)[0])).max() < 0.02


def test_an_uneven_model_stays_on_the_turntables_axis_and_moves_only_upright() -> None:
    # Three times as many splats in the lower half: the mean of all coordinates is off the middle.
    ball = a_ball(16_000)
    low = ball.positions[:, 1] < 0
    uneven = ball.subset(low | (np.arange(16_000) % 3 == 0))
    positions, _ = as_rendered(prepare_for_submission(uneven).splats)
    x, y, z = box_centre(positions)
    assert abs(x) < 0.001
    assert abs(z) < 0.001
    assert 0.05 < y <= 0.2


def test_a_very_uneven_model_is_not_pushed_out_of_the_picture() -> None:
    heavy_foot = a_ball(20_000, extent=0.05, at=(0, -0.475, 0))
    positions, _ = as_rendered(prepare_for_submission(joined(a_ball(2000), heavy_foot)).splats)
    assert positions[:, 1].max() <= 0.951
    x, _, z = box_centre(positions)
    assert x == pytest.approx(z, abs=0.001)


def test_recentring_moves_nothing_that_was_prepared() -> None:
    prepared = prepare_for_submission(a_cloud(9000, seed=3)).splats
    assert abs(float(prepared.positions.mean())) <= 1 / 4096


def test_a_stray_splat_is_removed_and_counted() -> None:
    model = prepare_for_submission(with_first(a_ball(), positions=[30, 0, 0]))
    assert model.report.removed_strays == 1
    assert len(model.splats) == 7999
    assert model.report.scale_factor == pytest.approx(1.5, rel=0.02)


def test_what_hangs_together_is_no_stray_however_thin() -> None:
    antenna = replace(a_cloud(60), positions=np.linspace([0, 0.5, 0], [0, 3, 0], 60, dtype=np.float32))
    model = prepare_for_submission(joined(a_ball(20_000), antenna))
    assert model.report.removed_strays == 0


def test_too_many_to_be_strays_are_part_of_the_model() -> None:
    second = a_ball(100, extent=0.1, at=(5, 0, 0))
    assert prepare_for_submission(joined(a_ball(10_000), second)).report.removed_strays == 0


@pytest.mark.parametrize(
    "row",
    [
        {"positions": np.nan},
        {"positions": np.inf},
        {"log_scales": np.nan},
        {"rotations": 0},
        {"rotations": np.inf},
        {"opacity_logits": np.nan},
        {"sh_dc": np.nan},
    ],
)
def test_a_malformed_splat_is_removed_and_counted(row: dict[str, float]) -> None:
    model = prepare_for_submission(with_first(a_ball(), **row))
    assert model.report.removed_malformed == 1
    assert len(model.splats) == 7999
    assert "1 malformed" in model.summary


def test_infinite_opacity_is_kept_for_it_is_what_real_models_have() -> None:
    splats = replace(a_ball(), opacity_logits=np.full(8000, np.inf, np.float32))
    model = prepare_for_submission(splats)
    assert model.report.removed_malformed == 0
    assert as_rendered(model.splats)[1].min() == 1


def test_colour_by_direction_is_dropped_and_rotations_are_of_length_one() -> None:
    model = prepare_for_submission(a_cloud(9000, degree=3))
    assert model.splats.sh_degree == 0
    assert model.report.dropped_sh_degree == 3
    np.testing.assert_allclose(np.linalg.norm(model.splats.rotations, axis=1), 1, atol=1e-6)


def test_preparing_twice_changes_nothing_more() -> None:
    once = prepare_for_submission(a_ball(at=(3, 1, 2)))
    twice = prepare_for_submission(once.splats)
    assert twice.report.scale_factor == pytest.approx(1)
    np.testing.assert_allclose(twice.splats.positions, once.splats.positions, atol=1e-6)


def test_a_model_of_one_place_or_of_nothing_is_left_as_large_as_it_is() -> None:
    point = replace(a_cloud(5), positions=np.full((5, 3), 7, np.float32))
    model = prepare_for_submission(point)
    assert model.report.scale_factor == 1
    assert np.abs(model.splats.positions).max() == 0
    nothing = prepare_for_submission(with_first(a_cloud(1), positions=np.nan))
    assert len(nothing.splats) == 0
    assert nothing.report.removed_malformed == 1


def test_unprepared_is_the_model_itself() -> None:
    splats = a_ball()
    assert unprepared(splats).splats is splats
    assert unprepared(splats).report.scale_factor == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(-6, 6), st.floats(-50, 50), st.integers(1, 40))
def test_any_model_can_be_encoded_once_prepared(seed: int, size: float, place: float, spoilt: int) -> None:
    cloud = a_cloud(300, seed=seed, degree=1)
    splats = replace(cloud, positions=cloud.positions * np.float32(10**size) + np.float32(place))
    rng = np.random.default_rng(seed)
    for name in ("positions", "rotations", "log_scales", "sh_dc"):
        array = getattr(splats, name)
        array[rng.integers(300, size=spoilt)] = rng.choice([np.nan, np.inf, -np.inf, 0, 3e38])
    prepared = prepare_for_submission(splats).splats
    if len(prepared):
        assert len(decode_spz(encode_spz(prepared))) == len(prepared)
        assert prepared.extent == pytest.approx(1.5, rel=1e-6) or prepared.extent == 0
