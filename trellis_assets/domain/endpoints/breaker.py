"""Circuit breaker of a generation endpoint: takes it out of work for a while when it fails.

Closed, the endpoint takes work. It trips after failures in a row, after one failure that cost much, or when
nothing answers; after a back-off it is half open: the next task tries it, alone, since an endpoint works on
one task at a time. A model closes it, a failure trips it again for longer.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.domain.endpoints.fault_attribution import PROMPTS_TO_DOUBT
from trellis_assets.system.compat import StrEnum

FAILURES_TO_TRIP = 3
# A failure that took so long (a time-out above all) trips at once: two more would cost minutes of a task.
COSTLY_FAILURE_S = 60.0
ENDPOINT_BACKOFF = BackoffPolicy.doubling(5, 50, jitter=0.2)
# An endpoint whose health probe fails stays out so long; while it fails this is renewed shortly before.
UNREACHABLE_FOR_S, RENEW_BEFORE_S = 10.0, 4.0


class BreakerState(StrEnum):
    """Whether an endpoint takes work."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation at an endpoint ended.

    Attributes:
        duration_s: seconds from its start to its end.
        failure: why there is no model; None when there is one.
        is_unreachable: nothing answered.
        is_lasting: the endpoint must be fixed first: it is not a generation server, for example.
        is_unclear: the prompt or the endpoint may be at fault (`fault_attribution`).
        prompt: mark of the prompt that failed.
    """

    duration_s: float
    failure: str | None = None
    is_unreachable: bool = False
    is_lasting: bool = False
    is_unclear: bool = False
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is remembered of an endpoint's failures.

    Attributes:
        failures_in_a_row: since the last model.
        consecutive_trips: since the last model; the back-off grows with them.
        open_until: end of the back-off; None while closed.
        is_unreachable: nothing answered: it is half open as soon as something does, whatever the back-off.

    Examples:
        >>> from datetime import timezone
        >>> now = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)
        >>> breaker = Breaker(failures_in_a_row=3, consecutive_trips=1, open_until=now + timedelta(seconds=5))
        >>> str(breaker.state(now)), str(breaker.state(now + timedelta(seconds=5))), str(Breaker().state(now))
        ('open', 'half_open', 'closed')
    """

    failures_in_a_row: int = 0
    consecutive_trips: int = 0
    open_until: datetime | None = None
    is_unreachable: bool = False

    def state(self, now: datetime) -> BreakerState:
        """Return whether the endpoint takes work now."""
        if self.open_until is None:
            return BreakerState.CLOSED
        is_over = ENDPOINT_BACKOFF.is_due(self.open_until, now)
        return BreakerState.HALF_OPEN if is_over else BreakerState.OPEN


def after_failure(name: str, breaker: Breaker, outcome: Outcome, now: datetime, *, prompts: int) -> Breaker:
    """Return the breaker once a generation has failed: tripped, or one failure nearer to it.

    Args:
        name: of the endpoint.
        breaker: before the failure.
        outcome: the failure.
        now: aware UTC.
        prompts: how many different prompts have failed there since its last model.

    Examples:
        >>> from datetime import timezone
        >>> now, breaker = datetime(2026, 1, 1, tzinfo=timezone.utc), Breaker()
        >>> for _ in range(3):
        ...     breaker = after_failure("gpu", breaker, Outcome(1.0, "answered 500"), now, prompts=1)
        ...     print(breaker.failures_in_a_row, breaker.state(now))
        1 closed
        2 closed
        3 open
    """
    failures = breaker.failures_in_a_row + 1
    trips = (
        breaker.open_until is not None
        or outcome.is_unreachable
        or outcome.is_lasting
        or outcome.duration_s >= COSTLY_FAILURE_S
        or failures >= FAILURES_TO_TRIP
        or (outcome.is_unclear and prompts >= PROMPTS_TO_DOUBT)
    )
    if not trips:
        return replace(breaker, failures_in_a_row=failures)
    trip = breaker.consecutive_trips + 1
    is_unreachable = breaker.is_unreachable or outcome.is_unreachable
    return Breaker(failures, trip, now + back_off(name, trip), is_unreachable)


def back_off(name: str, trips: int) -> timedelta:
    """Return how long an endpoint takes no work after so many trips in a row.

    The jitter is drawn from the name, so that every process computes the same, and endpoints that failed
    together do not come back together.

    Args:
        name: of the endpoint.
        trips: 1 or more.

    Examples:
        The steps are 5, 10, 20, 40 and 50 s, each up to a fifth longer:
        >>> [round(back_off("http://gpu-1:8093", trips).total_seconds(), 1) for trips in (1, 2, 5, 9)]
        [5.0, 11.0, 55.0, 59.8]
    """
    draw = int.from_bytes(sha256(f"{name}:{trips}".encode()).digest()[:4], "big") / 2**32
    return ENDPOINT_BACKOFF.delay(trips, draw)


def after_refused_probe(breaker: Breaker, now: datetime) -> Breaker:
    """Return the breaker of an endpoint whose health probe failed: open for 10 s, or longer if it was."""
    until = now + timedelta(seconds=UNREACHABLE_FOR_S)
    if breaker.state(now) is BreakerState.OPEN and breaker.open_until is not None:
        until = max(until, breaker.open_until)
    return replace(breaker, is_unreachable=True, open_until=until)


def after_good_probe(breaker: Breaker, now: datetime) -> Breaker:
    """Return the breaker of an endpoint whose health probe is good: one that was unreachable is half open.

    The back-off of one that answers and makes no models goes on: its health says nothing of its models.
    """
    return replace(breaker, is_unreachable=False, open_until=now) if breaker.is_unreachable else breaker


def must_renew(breaker: Breaker, now: datetime) -> bool:
    """Return whether the next failed probe must be stored, for the pause would end before another one."""
    if ENDPOINT_BACKOFF.is_due(breaker.open_until, now):
        return True
    assert breaker.open_until is not None
    return breaker.open_until <= now + timedelta(seconds=RENEW_BEFORE_S)
