"""How far our clock is from validators', by the `Date` of their answers, some of which lie."""

from datetime import timedelta

import pytest

from trellis_assets.domain.clock_offset import (
    Offset,
    by_another_clock,
    measure_offset,
    our_error_s,
    validators_time,
)
from trellis_assets.domain.validators import bounded_cooldown
from trellis_assets.testing.fakes import NOW

SECOND = timedelta(seconds=1)


def offset(seconds: float, margin: float = 0.7) -> Offset:
    return Offset(seconds, margin)


def test_an_offset_is_measured_at_the_middle_of_the_call() -> None:
    found = measure_offset(NOW + 30 * SECOND, 0.4, NOW + 0.2 * SECOND)
    assert found is not None
    assert (found.seconds, found.margin) == (pytest.approx(30.5), pytest.approx(0.7))


def test_clocks_that_agree_are_not_called_wrong() -> None:
    for late in (0.0, 0.5, 0.99):
        found = measure_offset(NOW, 0.1, NOW + late * SECOND)
        assert found is not None
        assert not found.is_wrong
        assert validators_time(found, NOW) == NOW


@pytest.mark.parametrize("far", [timedelta(days=2), timedelta(days=-2)])
def test_a_date_that_cannot_be_shows_nothing(far: timedelta) -> None:
    assert measure_offset(NOW + far, 0.1, NOW) is None
    assert measure_offset(None, 0.1, NOW) is None
    assert measure_offset(NOW, 299.0, NOW) is None


def test_the_median_of_three_is_not_moved_by_one_liar() -> None:
    assert our_error_s([offset(30.2), offset(30.4), offset(-4000)]) == pytest.approx(30.2)


def test_few_validators_and_validators_that_disagree_prove_nothing() -> None:
    assert our_error_s([]) is None
    assert our_error_s([offset(30), offset(30)]) is None
    assert our_error_s([offset(0), offset(100), offset(5000)]) is None


@pytest.mark.parametrize("ahead_s", [600.0, -600.0, 30.0, -30.0])
def test_a_cooldown_is_counted_by_the_validators_clock(ahead_s: float) -> None:
    ours = NOW + ahead_s * SECOND
    until = bounded_cooldown(int(NOW.timestamp()) + 300, ours, measure_offset(NOW, 0.0, ours))
    assert until is not None
    assert abs((until - ours).total_seconds() - 300) <= 1


def test_a_clock_that_agrees_counts_cooldowns_as_they_are_given() -> None:
    until = bounded_cooldown(int(NOW.timestamp()) + 300, NOW, measure_offset(NOW, 0.4, NOW))
    assert until == NOW + 300 * SECOND


@pytest.mark.parametrize("ahead_s", [10800.0, -10800.0])
def test_a_time_is_read_by_the_other_processs_clock_and_never_too_early(ahead_s: float) -> None:
    ours, other = offset(5.0), offset(5.0 - ahead_s)
    shifted = by_another_clock(NOW, ours, other)
    assert shifted is not None
    late_s = (shifted - (NOW + ahead_s * SECOND)).total_seconds()
    assert 0 <= late_s <= ours.margin + other.margin


def test_a_time_stays_where_clocks_agree_or_nothing_is_known() -> None:
    assert by_another_clock(NOW, offset(5.0), offset(4.0)) == NOW
    assert by_another_clock(NOW, None, offset(4000.0)) == NOW
    assert by_another_clock(NOW, offset(4000.0), None) == NOW
    assert by_another_clock(None, offset(4000.0), offset(0.0)) is None
