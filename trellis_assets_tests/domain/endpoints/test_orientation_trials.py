import pytest

from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.endpoints.orientation_trials import OrientationTrials

AS_IS, TRELLIS_PLY, Z_UP = Orientation


def trials(ply: list[float], z_up: list[float]) -> OrientationTrials:
    return OrientationTrials({TRELLIS_PLY: tuple(ply), Z_UP: tuple(z_up)})


@pytest.mark.parametrize(
    ("ply", "z_up", "decided"),
    [
        ([0.20, 0.25, 0.15], [0.0, 0.0, 0.0], TRELLIS_PLY),
        ([0.20, 0.25], [0.0, 0.0], None),
        ([0.30, -0.30, 0.20], [0.0, 0.0, 0.0], None),
        ([0.20, 0.20, 0.20], [0.40, 0.40, 0.40], Z_UP),
        ([-0.20, -0.20, -0.20], [-0.3, -0.3, -0.3], AS_IS),
        ([0.03, 0.03, 0.03], [0.0, 0.0, 0.0], None),
        ([], [], None),
    ],
)
def test_a_way_up_is_decided_once_the_scores_leave_no_doubt(
    ply: list[float], z_up: list[float], decided: Orientation | None
) -> None:
    assert trials(ply, z_up).decided is decided


def test_nothing_is_judged_any_more_after_twelve_models_without_a_decision() -> None:
    assert not trials([0.0] * 11, [0.0] * 11).is_over
    assert trials([0.0] * 12, [0.0] * 12).is_over
    assert trials([0.0] * 12, [0.0] * 12).best_guess() is AS_IS


def test_a_model_s_scores_are_added_as_gains_over_the_model_as_it_came() -> None:
    found = OrientationTrials().after({AS_IS: 0.5, TRELLIS_PLY: 0.75, Z_UP: 0.25})
    assert found.gains == {TRELLIS_PLY: (0.25,), Z_UP: (-0.25,)}
