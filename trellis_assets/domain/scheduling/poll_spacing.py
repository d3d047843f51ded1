"""How far apart the polls of one validator are: its interval, and a growing back-off while it fails."""

from dataclasses import dataclass, field
from datetime import timedelta

from trellis_assets.domain.backoff import BackoffPolicy

# Shares of the longest back-off after the first failure, the second and so on.
BACKOFF_GROWTH = (0.05, 0.1, 0.2, 0.5, 1.0)


def poll_backoff(longest: timedelta) -> BackoffPolicy:
    """Return the back-off of a validator that fails again and again.

    Examples:
        >>> [str(step) for step in poll_backoff(timedelta(minutes=10)).steps]
        ['0:00:30', '0:01:00', '0:02:00', '0:05:00', '0:10:00']
    """
    return BackoffPolicy(tuple(longest * share for share in BACKOFF_GROWTH))


@dataclass(frozen=True, slots=True)
class PollSpacing:
    """The pauses between two polls of one validator.

    A cooldown is not a back-off: the validator sets it, and it is kept whatever these pauses are.

    Attributes:
        interval: after a poll that did not fail; up to a tenth longer, so that validators do not come due
            all at once.
        backoff: after failures in a row; never shorter than the interval.
    """

    interval: timedelta = timedelta(seconds=45)
    backoff: BackoffPolicy = field(default_factory=lambda: poll_backoff(timedelta(minutes=10)))

    @property
    def maximum(self) -> timedelta:
        """Return the longest pause: a next poll that is stored further ahead is an older clock's."""
        return max(self._usual.maximum, self.backoff.maximum)

    def pause(self, failures: int, draw: float) -> timedelta:
        """Return the pause after a poll.

        Args:
            failures: in a row, this poll's included; 0 after a success.
            draw: uniform in 0..1.

        Examples:
            >>> spacing = PollSpacing(timedelta(seconds=45), poll_backoff(timedelta(minutes=10)))
            >>> [spacing.pause(failures, 0.0).total_seconds() for failures in (0, 1, 2, 3, 5, 9)]
            [45.0, 45.0, 60.0, 120.0, 600.0, 600.0]
        """
        usual = self._usual.delay(1, draw)
        return max(usual, self.backoff.delay(failures, draw)) if failures else usual

    @property
    def _usual(self) -> BackoffPolicy:
        return BackoffPolicy((self.interval,))
