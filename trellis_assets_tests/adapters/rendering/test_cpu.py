"""The CPU renderer against an independent slow one, and against cases with known answers."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from trellis_assets.adapters.rendering import cpu
from trellis_assets.adapters.rendering.cpu import render
from trellis_assets.domain.splats.cameras import Camera, orbit_camera, validator_cameras
from trellis_assets.domain.splats.scenes import Scene, as_validators_see, scene_of
from trellis_assets.domain.splats.splats import SH_C0
from trellis_assets.testing.splats import a_ball, a_cloud, a_fog
from trellis_assets_tests.adapters.rendering import reference


def layers(scene: Scene, cameras: Sequence[Camera]) -> np.ndarray:
    return np.stack(render(scene, cameras, np.asarray))


def one_splat(**changes: object) -> Scene:
    """Return a white, round, nearly opaque splat at the origin, 0.1 wide."""
    fields = {
        "positions": [[0, 0, 0]],
        "scales": [[0.1, 0.1, 0.1]],
        "rotations": [[1, 0, 0, 0]],
        "opacities": [0.9],
        "sh": [[[0.5 / SH_C0] * 3]],
    } | changes
    return Scene(**{name: np.array(value, np.float32) for name, value in fields.items()})


CAMERA = orbit_camera(0, 0, 64)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (25, -10), (200, 40)])
def test_pictures_agree_with_the_slow_reference(degree: int, azimuth: float, elevation: float) -> None:
    cloud = a_cloud(400, degree=degree)
    scene = scene_of(replace(cloud, log_scales=cloud.log_scales + 1))
    camera = orbit_camera(azimuth, elevation, 72)
    fast, slow = layers(scene, [camera])[0], reference.render(scene, camera)
    assert np.abs(fast - slow).mean() < 1e-3
    assert np.abs(fast - slow).max() < 0.02
    assert slow[..., :3].max() > 0.5


def test_opaque_surfaces_agree_with_the_slow_reference() -> None:
    scene, camera = as_validators_see(a_ball(700)), orbit_camera(70, -15, 48)
    fast, slow = layers(scene, [camera])[0], reference.render(scene, camera)
    assert np.abs(fast - slow).mean() < 1e-3


def test_one_gaussian_has_the_profile_of_the_formula() -> None:
    picture = layers(one_splat(), [CAMERA])[0]
    sigma_px = np.sqrt((CAMERA.focal * 0.1 / 2.5) ** 2 + 0.3)
    offsets = np.arange(64) + 0.5 - 32
    radii = np.hypot(offsets[:, None], offsets[None])
    alpha = 0.9 * np.exp(-(radii**2) / (2 * sigma_px**2))
    expected = np.where(alpha >= 1 / 255, alpha, 0)
    np.testing.assert_allclose(picture[..., 0], expected, atol=2e-4)
    np.testing.assert_allclose(picture[..., 3], 1 - expected, atol=2e-4)


def test_of_two_overlapping_the_nearer_hides_the_farther_by_its_opacity() -> None:
    red, green = [2, -0.5 / SH_C0, -0.5 / SH_C0], [-0.5 / SH_C0, 2, -0.5 / SH_C0]
    scene = one_splat(
        positions=[[0, 0, -0.5], [0, 0, 0.5]],
        scales=[[0.4] * 3] * 2,
        rotations=[[1, 0, 0, 0]] * 2,
        opacities=[0.8, 0.5],
        sh=[[green], [red]],
    )
    middle = layers(scene, [CAMERA])[0][32, 32]
    strength = 0.5 + 2 * SH_C0
    assert middle[0] == pytest.approx(0.5 * strength, abs=0.01)
    assert middle[1] == pytest.approx(0.5 * 0.8 * strength, abs=0.01)
    assert middle[3] == pytest.approx(0.5 * 0.2, abs=0.01)


def test_a_long_splat_lies_along_its_longest_axis() -> None:
    upright = layers(one_splat(scales=[[0.02, 0.3, 0.02]]), [CAMERA])[0][..., 0]
    # A quarter turn about z brings the local y axis to -x.
    turned = layers(
        one_splat(scales=[[0.02, 0.3, 0.02]], rotations=[[np.sqrt(0.5), 0, 0, np.sqrt(0.5)]]), [CAMERA]
    )[0][..., 0]
    assert (upright.sum(axis=1) > 0.1).sum() > 4 * (upright.sum(axis=0) > 0.1).sum()
    np.testing.assert_allclose(turned, upright.T, atol=1e-3)


def test_up_is_up_and_azimuth_90_looks_from_plus_x() -> None:
    scene = one_splat(positions=[[0, 0.5, 0]])
    rows = np.nonzero(layers(scene, [CAMERA])[0][..., 0].sum(axis=1))[0]
    assert rows.mean() < 24
    scene = one_splat(positions=[[0, 0, -0.5]])
    columns = np.nonzero(layers(scene, [orbit_camera(90, 0, 64)])[0][..., 0].sum(axis=0))[0]
    assert columns.mean() > 40


def test_the_picture_does_not_depend_on_the_number_of_threads() -> None:
    scene = as_validators_see(a_ball())
    cameras = [orbit_camera(azimuth, -15, 64) for azimuth in range(0, 360, 45)]
    one, four = (np.stack(render(scene, cameras, np.asarray, threads=n)) for n in (1, 4))
    np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize(
    "changes",
    [
        {"positions": [[0, 0, 2.5]]},
        {"positions": [[0, 0, 40]]},
        {"positions": [[1e30, 0, 0]]},
        {"scales": [[1e30, 1e30, 1e30]]},
        {"scales": [[0, 0, 0]]},
        {"opacities": [0]},
        {"positions": [[300, 0, 0]]},
    ],
)
def test_splats_that_cannot_be_seen_or_drawn_do_no_harm(changes: dict[str, object]) -> None:
    picture = layers(one_splat(**changes), [CAMERA])[0]
    assert np.isfinite(picture).all()
    assert picture[..., 3].min() >= 0


def test_a_splat_wider_than_the_picture_covers_all_of_it() -> None:
    picture = layers(one_splat(scales=[[50.0, 50.0, 0.01]]), [CAMERA])[0]
    np.testing.assert_allclose(picture[..., 0], 0.9, atol=1e-3)


def test_scene_without_splats_is_empty_and_transparent() -> None:
    nothing = as_validators_see(a_ball().subset(np.zeros(8000, bool)))
    assert (layers(nothing, [CAMERA])[0] == [0, 0, 0, 1]).all()


def test_the_work_of_a_view_is_bounded_wherever_its_splats_lie() -> None:
    scene, cameras = as_validators_see(a_fog(2000)), validator_cameras(64)
    free = cpu.render(scene, cameras, np.asarray, visits_per_pixel=10**6)
    assert len(free) == 16
    with pytest.raises(cpu.RenderCostError, match="visit more than"):
        cpu.render(scene, cameras, np.asarray, visits_per_pixel=10)


def test_the_bound_changes_no_picture_below_it() -> None:
    scene, cameras = as_validators_see(a_ball()), validator_cameras(64)
    bound, free = (
        cpu.render(scene, cameras, np.asarray, visits_per_pixel=visits) for visits in (1000, 10**9)
    )
    assert np.array_equal(bound, free)


def test_the_renderer_loads_where_no_compiled_code_can_be_kept() -> None:
    """As in a read-only image without a home, where numba has no folder for its cache."""
    code = """
from numba.core.caching import CacheImpl
CacheImpl._locator_classes = []
from trellis_assets.adapters.rendering import kernels
print(kernels.splat._cache.__class__.__name__)
"""
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "NullCache"
