"""How long a validator's lock is, as far as its answers imply it."""

from datetime import timedelta

from trellis_assets.domain.submission_lock import (
    LONGEST_LOCK_S,
    lock_after_refusal,
    lock_after_scoring,
    locked_until,
)
from trellis_assets.testing.fakes import NOW


def test_the_first_refusal_is_taken_for_the_subnets_lock() -> None:
    assert lock_after_refusal(NOW, NOW + timedelta(seconds=6), None) == 30.0
    assert lock_after_refusal(None, NOW, None) == 30.0


def test_a_longer_lock_is_found_by_doubling() -> None:
    assert lock_after_refusal(NOW, NOW + timedelta(seconds=40), 30.0) == 80.0
    assert lock_after_refusal(NOW, NOW + timedelta(days=4), 30.0) == LONGEST_LOCK_S


def test_a_result_that_was_scored_sooner_bounds_the_lock() -> None:
    assert lock_after_scoring(NOW, NOW + timedelta(seconds=50), 80.0) == 50.0
    assert lock_after_scoring(NOW, NOW + timedelta(seconds=300), 80.0) == 80.0
    assert lock_after_scoring(NOW, NOW + timedelta(seconds=50), None) is None


def test_a_lock_ends_and_one_of_a_clock_that_was_set_back_does_not_count() -> None:
    assert locked_until(NOW, 30.0, NOW + timedelta(seconds=10)) == NOW + timedelta(seconds=30)
    assert locked_until(NOW, 30.0, NOW + timedelta(seconds=30)) is None
    assert locked_until(NOW, 30.0, NOW - timedelta(days=1)) is None
    assert locked_until(NOW, None, NOW) is None
