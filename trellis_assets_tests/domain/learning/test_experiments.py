"""Estimators say what the numbers say, and no more."""

import math

import numpy as np
import pytest

from trellis_assets.domain.learning.experiments import (
    gain_probability,
    paired,
    randomised,
    validator_told,
    wilson,
)


def test_the_worked_example_of_pairs() -> None:
    found = paired([0.5, 0.6, 0.4, 0.7, 0.5], [0.6, 0.8, 0.5, 0.9, 0.65], 0.05)
    assert found.difference == pytest.approx(0.15)
    assert (found.low, found.high) == pytest.approx((0.088, 0.212), abs=1e-3)
    assert found.is_seen
    assert found.told("usual", "strict").startswith("strict is better")


def test_two_pairs_are_too_few_to_show_a_difference() -> None:
    found = paired([0.1, 0.2], [0.9, 0.9], 0.05)
    assert not found.is_seen
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert found.told("usual", "strict").startswith("no difference can be seen yet")
    assert found.still_needed == 3


def test_pairs_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs"):
        paired([0.1], [0.1, 0.2], 0.05)


@pytest.mark.parametrize(("accepted", "of", "low", "high"), [(0, 2, 0.0, 0.658), (42, 100, 0.328, 0.518)])
def test_wilsons_interval_is_that_of_the_textbook(accepted: int, of: int, low: float, high: float) -> None:
    assert wilson(accepted, of) == pytest.approx((low, high), abs=1e-3)


def test_zero_of_two_says_nothing_against_forty_two_percent() -> None:
    found = randomised((42, 100), (0, 2), 0.1)
    assert not found.is_seen
    assert found.low < 0 < found.high
    assert found.still_needed > 100
    assert "tells no difference" in validator_told(0, 2, 0.42)
    assert "less than the usual" in validator_told(0, 20, 0.42)


def test_a_large_difference_is_seen() -> None:
    found = randomised((42, 100), (75, 100), 0.1)
    assert found.is_seen
    assert found.still_needed == 0


def test_nothing_answered_is_no_difference() -> None:
    assert not randomised((0, 0), (3, 3), 0.1).is_seen


def test_intervals_of_randomised_tasks_hold_the_truth() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        found = randomised((int(rng.binomial(40, 0.42)), 40), (int(rng.binomial(60, 0.55)), 60), 0.1)
        held += found.low <= 0.13 <= found.high
    assert held >= 0.92 * 400


def test_the_probability_of_a_gain() -> None:
    assert gain_probability((5, 10), (8, 10)) == pytest.approx(0.9, abs=0.02)
    assert gain_probability((0, 0), (0, 0)) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("n", range(1, 40))
def test_an_interval_of_none_or_all_reaches_its_end_exactly(n: int) -> None:
    assert wilson(0, n)[0] == 0.0, "else 0 of 7 would be told to be more than a share of 0"
    assert wilson(n, n)[1] == 1.0
