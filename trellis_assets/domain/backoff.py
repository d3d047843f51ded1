"""Back-off: growing pauses between tries, with the longest pause in the same value as the steps.

Whatever tries again uses one `BackoffPolicy`: polls of a validator (`scheduling/poll_spacing`), run attempts
(`scheduling/run_attempts`), generation endpoints (`endpoints/breaker`), child processes of a session, reads
of the chain, messages to a webhook, failed logins, and `retry`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from trellis_assets.domain.clock_skew import is_ahead

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """How long to wait after the n-th failure in a row.

    Attributes:
        steps: the pause after the first failure, the second and so on; the last one holds from then on.
        jitter: the share by which a pause may be longer, so that many miners do not come back at once.

    Examples:
        >>> policy = BackoffPolicy([timedelta(seconds=30), timedelta(seconds=60)], jitter=0.1)
        >>> [policy.delay(failures, draw=0.5).total_seconds() for failures in (1, 2, 3)]
        [31.5, 63.0, 63.0]
        >>> policy.maximum.total_seconds()
        66.0
    """

    steps: Sequence[timedelta]
    jitter: float = 0.1

    @classmethod
    def of_seconds(cls, *steps_s: float, jitter: float = 0.1) -> "BackoffPolicy":
        """Return the policy with these steps, in seconds."""
        return cls(tuple(timedelta(seconds=step) for step in steps_s), jitter)

    @classmethod
    def doubling(cls, first_s: float, maximum_s: float, *, jitter: float = 0.1) -> "BackoffPolicy":
        """Return the policy whose steps double, in seconds, up to a last one of `maximum_s`.

        Examples:
            >>> [step.total_seconds() for step in BackoffPolicy.doubling(5, 60).steps]
            [5.0, 10.0, 20.0, 40.0, 60.0]
        """
        steps = [first_s]
        while 2 * steps[-1] < maximum_s:
            steps.append(2 * steps[-1])
        return cls.of_seconds(*steps, maximum_s, jitter=jitter)

    @property
    def maximum(self) -> timedelta:
        """Return the longest pause that `delay` ever gives."""
        return max(self.steps) * (1 + self.jitter)

    def delay(self, failures: int, draw: float = 0.0) -> timedelta:
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


def retry(
    call: Callable[[], T],
    *,
    on: type[Exception],
    policy: BackoffPolicy,
    tries: int,
    sleep: Callable[[float], None],
    on_failure: Callable[[Exception], None] = lambda _error: None,
) -> T:
    """Return what `call` returns, calling it up to `tries` times with a pause after each failure.

    Args:
        call: harmless to repeat.
        on: the errors that are worth another try; others are raised at once.
        policy: the pauses.
        tries: the first included, 1 or more.
        sleep: waits so many seconds: a clock's `sleep`.
        on_failure: is given each error that is followed by another try.

    Raises:
        Exception: the last try's.

    Examples:
        >>> results, slept = [OSError("full"), OSError("full"), "stored"], []
        >>> def call():
        ...     result = results.pop(0)
        ...     if isinstance(result, Exception):
        ...         raise result
        ...     return result
        >>> retry(call, on=OSError, policy=BackoffPolicy.of_seconds(1, 2), tries=3, sleep=slept.append)
        'stored'
        >>> slept
        [1.0, 2.0]
    """
    for failures in range(1, tries):
        try:
            return call()
        except on as error:
            on_failure(error)
        sleep(policy.delay(failures).total_seconds())
    return call()
