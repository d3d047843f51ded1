"""Turned models: places, covariances and handedness, against matrices."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from trellis_assets.adapters.splat_io.ply import read_ply
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.splats.axes import change_axes, turned
from trellis_assets.domain.splats.preparation import prepare_for_submission
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.testing.splats import a_cloud


def covariances(splats: GaussianSplats) -> NDArray[np.float64]:
    rotations = Rotation.from_quat(splats.rotations, scalar_first=True).as_matrix()
    sized = rotations * splats.scales[:, None, :]
    return np.asarray(sized @ sized.transpose(0, 2, 1))


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([1, -1, -1]),
        np.diag([-1, 1, 1]),
        np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
        np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
        np.array([[0, -1, 0], [0, 0, 1], [1, 0, 0]]),
    ],
)
def test_covariances_turn_with_the_axes_also_where_they_mirror(matrix: NDArray[np.int64]) -> None:
    splats = a_cloud(100)
    changed = change_axes(splats, matrix.astype(np.float32))
    np.testing.assert_allclose(changed.positions, splats.positions @ matrix.T, rtol=1e-6)
    expected = matrix @ covariances(splats) @ matrix.T
    np.testing.assert_allclose(covariances(changed), expected, rtol=1e-3, atol=1e-9)


def test_what_trellis_writes_to_ply_and_its_own_axes_come_to_the_same() -> None:
    ours = a_cloud(50)
    x, y, z = ours.positions.T
    # TRELLIS's own axes are (x, -z, y) of ours; its save_ply turns (x, y, z) to (x, -z, y) once more.
    own = change_axes(ours, np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32))
    saved = change_axes(own, np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32))
    np.testing.assert_array_equal(own.positions, np.column_stack([x, -z, y]))
    np.testing.assert_allclose(turned(own, Orientation.Z_UP).positions, ours.positions)
    np.testing.assert_allclose(turned(saved, Orientation.TRELLIS_PLY).positions, ours.positions)


def test_flat_splats_stay_flat_along_the_right_axis() -> None:
    splats = a_cloud(3)
    splats.log_scales[:, 1] = -np.inf
    assert np.isneginf(turned(splats, Orientation.Z_UP).log_scales[:, 2]).all()


def test_a_model_of_trellis_s_save_ply_is_head_up_in_the_submission(samples: Path) -> None:
    saved = read_ply((samples / "cases" / "trellis_save_ply.ply").read_bytes())
    submitted = prepare_for_submission(turned(saved, Orientation.TRELLIS_PLY)).splats
    is_red = submitted.colours[:, 0] > submitted.colours[:, 2]
    head, body = submitted.positions[is_red], submitted.positions[~is_red]
    assert head[:, 1].mean() > body[:, 1].mean() + 0.5
