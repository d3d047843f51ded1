"""Growing pauses between tries, with the longest pause in the same value as the steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.clock_skew import is_ahead


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """How long to wait after the n-th failure in a row.

    Attributes:
        steps: after the first failure, the second and so on; the last one holds from then on.
        jitter: the share by which a pause may be longer, so that many miners do not come back at once.

    Example:
        With steps of 30 and 60 s and a jitter of 0.1, the first failure is followed by a pause of 30 to
        33 s, each further one by a pause of 60 to 66 s.
    """

    steps: Sequence[timedelta]
    jitter: float = 0.1

    @property
    def maximum(self) -> timedelta:
        """Return the longest pause that `delay` ever gives."""
        return max(self.steps) * (1 + self.jitter)

    def delay(self, failures: int, draw: float) -> timedelta:
        """Return the pause after so many failures in a row.

        Args:
            failures: 1 or more.
            draw: uniform in 0..1, from the caller's random numbers.
        """
        step = self.steps[min(max(failures, 1), len(self.steps)) - 1]
        return step * (1 + self.jitter * draw)

    def is_due(self, next_try_at: datetime | None, now: datetime) -> bool:
        """Return whether the pause is over.

        A time further ahead than `maximum` was stored before the clock was set back: it does not count.
        """
        return not is_ahead(next_try_at, now, self.maximum)
