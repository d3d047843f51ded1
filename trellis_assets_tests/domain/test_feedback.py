"""Feedback: what a validator says of a submission, cut to what can be."""

import math

import pytest

from trellis_assets.domain.feedback import finite_in, moving_average
from trellis_assets.testing.fakes import a_feedback


def test_the_first_value_starts_the_average_and_later_ones_weigh_five_percent() -> None:
    assert moving_average(None, 0.8) == pytest.approx(0.99), "the validators' own starts at 1"
    assert moving_average(0.8, 0.6) == pytest.approx(0.95 * 0.8 + 0.05 * 0.6)


@pytest.mark.parametrize(
    ("value", "expected"), [(math.nan, 0.0), (math.inf, 1.0), (-math.inf, 0.0), (0.5, 0.5), (7.0, 1.0)]
)
def test_a_number_of_a_validator_is_cut_to_its_range(value: float, expected: float) -> None:
    assert finite_in(value, 0.0, 1.0) == expected


def test_feedback_of_a_failed_scoring_is_no_acceptance() -> None:
    assert a_feedback(0.8).is_accepted
    assert not a_feedback(0.0).is_accepted
    assert not a_feedback(0.8, validation_failed=True).is_accepted
