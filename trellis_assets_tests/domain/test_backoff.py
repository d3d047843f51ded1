"""Pauses between tries grow to their own maximum and end."""

from datetime import timedelta

import pytest

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.testing.fakes import NOW

POLICY = BackoffPolicy([timedelta(seconds=s) for s in (30, 60, 120, 300, 600)])


@pytest.mark.parametrize(("failures", "seconds"), [(1, 30), (2, 60), (5, 600), (6, 600), (10**9, 600)])
def test_a_pause_grows_with_failures_up_to_the_last_step(failures: int, seconds: float) -> None:
    assert POLICY.delay(failures, 0.0) == timedelta(seconds=seconds)
    assert POLICY.delay(failures, 1.0) == timedelta(seconds=seconds) * 1.1


def test_no_pause_is_longer_than_the_policy_s_own_maximum() -> None:
    assert POLICY.delay(99, 1.0) == POLICY.maximum


def test_the_longest_pause_is_kept_and_not_taken_for_a_clock_set_back() -> None:
    next_try = NOW + POLICY.delay(99, 1.0)
    assert not POLICY.is_due(next_try, NOW)
    assert POLICY.is_due(next_try, next_try)
    assert POLICY.is_due(None, NOW)


def test_a_time_from_before_the_clock_was_set_back_does_not_count() -> None:
    assert POLICY.is_due(NOW + timedelta(hours=5), NOW)
