"""How far apart polls of one validator are, and that no stored time is taken for another clock's."""

from datetime import timedelta

import pytest

from trellis_assets.domain.scheduling.poll_spacing import PollSpacing, poll_backoff
from trellis_assets.domain.validators import PollTimes
from trellis_assets.testing.fakes import NOW

SPACING = PollSpacing()


@pytest.mark.parametrize("draw", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("failures", [*range(12), 10**6])
@pytest.mark.parametrize(
    "spacing",
    [
        SPACING,
        PollSpacing(timedelta(seconds=45), poll_backoff(timedelta(seconds=5))),
        PollSpacing(timedelta(seconds=3), poll_backoff(timedelta(hours=3))),
    ],
)
def test_no_pause_that_is_stored_reads_as_now(spacing: PollSpacing, failures: int, draw: float) -> None:
    """A next poll 10 min ahead was taken for one of a clock set back, and its validator polled at once."""
    next_poll_at = NOW + spacing.pause(failures, draw)
    assert PollTimes(next_poll_at=next_poll_at).due_at(NOW, spacing) == next_poll_at


def test_a_next_poll_of_before_the_clock_was_set_back_is_due_now() -> None:
    assert PollTimes(next_poll_at=NOW + timedelta(hours=5)).due_at(NOW, SPACING) is None


def test_a_back_off_is_never_shorter_than_the_interval() -> None:
    hasty = PollSpacing(timedelta(seconds=45), poll_backoff(timedelta(seconds=5)))
    assert hasty.pause(1, 0.0) == hasty.pause(99, 0.0) == timedelta(seconds=45)
