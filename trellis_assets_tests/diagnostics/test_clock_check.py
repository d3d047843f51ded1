"""What the doctor says of a clock that is wrong, and how to set it."""

from trellis_assets.diagnostics.clock_check import judge_clock
from trellis_assets.domain.diagnostics import Health


def test_clock_that_is_behind_is_reported_with_how_to_set_it() -> None:
    found = judge_clock(5, 30.4)
    assert found.health is Health.WARNING
    assert found.text == "this machine's clock is 30 s behind that of most of 5 validators"
    assert "timedatectl set-ntp true" in (found.advice or "")


def test_clock_that_is_ten_minutes_ahead_fails_the_check() -> None:
    found = judge_clock(5, -600.0)
    assert (found.health, "600 s ahead of" in found.text) == (Health.FAILED, True)


def test_clock_that_is_right_or_not_compared_passes_the_check() -> None:
    assert judge_clock(5, 0.4).health is Health.OK
    assert judge_clock(1, None).health is Health.OK
