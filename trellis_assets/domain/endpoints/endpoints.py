"""Generation endpoints: which of them take work, which is asked first, when one is left alone for a while.

A breaker guards each endpoint. Closed, it takes work. It opens after failures in a row, after one
failure that cost much, or when nobody is there; after a rest it is half open: the next task tries
it, alone, since an endpoint works on one task at a time. A model closes it, a failure opens it again
for longer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from statistics import median

from trellis_assets.domain.clock_skew import is_ahead
from trellis_assets.domain.endpoints.fault_attribution import (
    PROMPTS_TO_DOUBT,
    is_failure_of_prompt,
    is_refusal_of_prompt,
    with_mark,
)
from trellis_assets.domain.endpoints.orientation_trials import OrientationTrials
from trellis_assets.system.compat import UTC, StrEnum

FAILURES_TO_OPEN = 3
# A failure that took so long (a time-out above all) opens at once: two more would cost minutes of a task.
COSTLY_FAILURE_S = 60.0
# Doubled by each opening in a row; a fifth of it varies, so that endpoints do not come back all at once.
FIRST_BACKOFF_S, MAX_BACKOFF_S, SPREAD = 5.0, 60.0, 0.2
MAX_BACKOFF = timedelta(seconds=MAX_BACKOFF_S)
# Who is seen to be away stays open so long; it is renewed while it is seen, shortly before it ends.
AWAY_FOR_S, RENEW_BEFORE_S = 10.0, 4.0
# Enough to smooth, few enough to follow an endpoint whose GPU was replaced.
PACE_OVER = 11
# Endpoints whose paces differ by less than this factor count as equally fast.
SAME_PACE = 1.25
_NEVER = datetime.min.replace(tzinfo=UTC)


class BreakerState(StrEnum):
    """Whether an endpoint takes work."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is remembered of an endpoint's failures.

    Attributes:
        failures_in_a_row: since the last model.
        consecutive_trips: failures since the last model that opened it; the rest grows with them.
        open_until: None while closed.
        is_unreachable: nobody was there: it is half open as soon as somebody is, whatever the rest.
    """

    failures_in_a_row: int = 0
    consecutive_trips: int = 0
    open_until: datetime | None = None
    is_unreachable: bool = False

    def state(self, now: datetime) -> BreakerState:
        """Whether the endpoint takes work now."""
        if self.open_until is None:
            return BreakerState.CLOSED
        is_open = is_ahead(self.open_until, now, MAX_BACKOFF)
        return BreakerState.OPEN if is_open else BreakerState.HALF_OPEN


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation at an endpoint ended.

    Attributes:
        failure: why there is no model; None when there is one.
        is_unreachable: nobody was there to ask.
        is_lasting: somebody must mend the endpoint: it is no generation server, say.
        is_unclear: the prompt or the endpoint may be at fault (`domain.blame`).
        prompt: mark of the prompt that failed.
    """

    duration_s: float
    failure: str | None = None
    is_unreachable: bool = False
    is_lasting: bool = False
    is_unclear: bool = False
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a health check of an endpoint found.

    Attributes:
        trouble: why it takes no work, in the server's own words where it has any; None when it does.
        is_answering: somebody is there, and loads its models, say; it may take work by itself later.
    """

    endpoint: str
    trouble: str | None = None
    is_answering: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A generation endpoint as all processes know it.

    Attributes:
        held_by: key of the task that has it now; None while it is free.
        began_at: when that task's generation began; None before it has.
        recent_s: how long its last generations took, the newest last.
        generations, failures, generation_s: counts and seconds since it was first used.
        busy_share: of the last hour, 0..1; None where nobody summed it up.
        orientation_trials: what judging its first models each way up showed.
        failed_prompts: marks of the different prompts that failed since its last model, the newest last.
        is_proven: it has made a model since it last came up.
    """

    name: str
    breaker: Breaker = field(default_factory=Breaker)
    held_by: int | None = None
    began_at: datetime | None = None
    last_used_at: datetime | None = None
    recent_s: tuple[float, ...] = ()
    generations: int = 0
    failures: int = 0
    generation_s: float = 0.0
    last_error: str | None = None
    last_failed_at: datetime | None = None
    last_succeeded_at: datetime | None = None
    busy_share: float | None = None
    orientation_trials: OrientationTrials = field(default_factory=OrientationTrials)
    failed_prompts: tuple[str, ...] = ()
    is_proven: bool = False

    @property
    def pace_s(self) -> float | None:
        """How long one of its last generations took; None before the first."""
        return median(self.recent_s) if self.recent_s else None


def after_outcome(endpoint: Endpoint, outcome: Outcome, now: datetime) -> Endpoint:
    """The endpoint once a generation there has ended."""
    if outcome.failure is None:
        return replace(
            endpoint,
            breaker=Breaker(),
            recent_s=(*endpoint.recent_s, outcome.duration_s)[-PACE_OVER:],
            generations=endpoint.generations + 1,
            generation_s=endpoint.generation_s + outcome.duration_s,
            last_succeeded_at=now,
            failed_prompts=(),
            is_proven=True,
        )
    marks = (
        endpoint.failed_prompts
        if outcome.prompt is None
        else with_mark(endpoint.failed_prompts, outcome.prompt)
    )
    is_known = outcome.prompt in endpoint.failed_prompts
    seen = replace(
        endpoint, failed_prompts=marks, is_proven=endpoint.is_proven and not outcome.is_unreachable
    )
    if outcome.is_unclear and is_of_prompt(endpoint, outcome.prompt or ""):
        return seen
    if outcome.is_unclear and is_known:
        # The same prompt again tells nothing new of the endpoint.
        return replace(seen, last_error=outcome.failure, last_failed_at=now)
    return replace(
        seen,
        breaker=_after_failure(endpoint.name, endpoint.breaker, outcome, now, len(marks)),
        failures=endpoint.failures + 1,
        last_error=outcome.failure,
        last_failed_at=now,
    )


def is_of_prompt(endpoint: Endpoint, mark: str) -> bool:
    """Return whether an unclear answer of the endpoint to this prompt is believed to be about the prompt."""
    return is_refusal_of_prompt(mark, endpoint.failed_prompts, is_proven=endpoint.is_proven)


def has_only_failed_at(endpoint: Endpoint, mark: str) -> bool:
    """Return whether the endpoint makes models, and failed at this prompt alone since its last one."""
    return is_failure_of_prompt(mark, endpoint.failed_prompts, is_proven=endpoint.is_proven)


def _after_failure(name: str, breaker: Breaker, outcome: Outcome, now: datetime, prompts: int) -> Breaker:
    failures = breaker.failures_in_a_row + 1
    opens = (
        breaker.open_until is not None
        or outcome.is_unreachable
        or outcome.is_lasting
        or outcome.duration_s >= COSTLY_FAILURE_S
        or failures >= FAILURES_TO_OPEN
        or (outcome.is_unclear and prompts >= PROMPTS_TO_DOUBT)
    )
    if not opens:
        return replace(breaker, failures_in_a_row=failures)
    until = now + timedelta(seconds=rest_s(name, breaker.consecutive_trips))
    return Breaker(
        failures, breaker.consecutive_trips + 1, until, breaker.is_unreachable or outcome.is_unreachable
    )


def rest_s(name: str, consecutive_trips: int) -> float:
    """How long an endpoint rests that was opened so often before, in seconds, at most `MAX_BACKOFF_S`."""
    whole = min(FIRST_BACKOFF_S * 2.0 ** min(consecutive_trips, 10), MAX_BACKOFF_S)
    drawn = int.from_bytes(sha256(f"{name}:{consecutive_trips}".encode()).digest()[:4], "big") / 2**32
    return whole * (1 - SPREAD * drawn)


def after_probe(endpoint: Endpoint, probe: Probe, now: datetime) -> Endpoint:
    """The endpoint once its door was looked at; the very same where that tells nothing new."""
    breaker = endpoint.breaker
    if probe.trouble is None:
        if not breaker.is_unreachable:
            return endpoint
        return replace(endpoint, breaker=replace(breaker, is_unreachable=False, open_until=now))
    renewed_from = now + timedelta(seconds=RENEW_BEFORE_S)
    is_told = breaker.is_unreachable and endpoint.last_error == probe.trouble
    if is_told and is_ahead(breaker.open_until, now, MAX_BACKOFF):
        assert breaker.open_until is not None
        if breaker.open_until > renewed_from:
            return endpoint
    until = now + timedelta(seconds=AWAY_FOR_S)
    if breaker.state(now) is BreakerState.OPEN and breaker.open_until is not None:
        until = max(until, breaker.open_until)
    opened = replace(breaker, is_unreachable=True, open_until=until)
    # Whatever comes up again may be another server than the one that made models.
    return replace(endpoint, breaker=opened, last_error=probe.trouble, last_failed_at=now, is_proven=False)


def taking_work(endpoints: Sequence[Endpoint], now: datetime) -> list[Endpoint]:
    """Those that are not open, busy ones included."""
    return [e for e in endpoints if e.breaker.state(now) is not BreakerState.OPEN]


def free_endpoints(endpoints: Sequence[Endpoint], now: datetime, tried: Sequence[str] = ()) -> list[str]:
    """Names of those that a task may have now, the best first.

    Healthy ones come first, then the faster, then who has rested longest.

    Args:
        endpoints: to choose from.
        now: aware UTC.
        tried: where the task failed already, once for each time; these come last.
    """
    free = [e for e in taking_work(endpoints, now) if e.held_by is None]
    fastest = min((e.pace_s for e in free if e.pace_s), default=None)

    def rank(endpoint: Endpoint) -> tuple[int, bool, int, int, datetime]:
        breaker = endpoint.breaker
        return (
            tried.count(endpoint.name),
            breaker.open_until is not None,
            breaker.failures_in_a_row,
            _slowness(endpoint.pace_s, fastest),
            endpoint.last_used_at or _NEVER,
        )

    return [endpoint.name for endpoint in sorted(free, key=rank)]


def _slowness(pace_s: float | None, fastest_s: float | None) -> int:
    """0 for the fastest, those about as fast, and those nobody knows yet."""
    if not pace_s or not fastest_s:
        return 0
    return int(math.log(pace_s / fastest_s) / math.log(SAME_PACE))


def is_any_well(endpoints: Sequence[Endpoint]) -> bool:
    """Whether one at least is known to make models, or not known to fail."""
    return any(e.breaker.open_until is None for e in endpoints)


def why_none_takes_work(endpoints: Sequence[Endpoint], now: datetime) -> str | None:
    """What is the matter with each of them; None when one takes work."""
    if not endpoints or taking_work(endpoints, now):
        return None
    return "no generation endpoint takes work: " + "; ".join(describe_endpoint(e, now) for e in endpoints)


def why_none_is_ready(probes: Sequence[Probe]) -> str | None:
    """What is the matter with each endpoint; None when one takes work, or is there and may do so later."""
    troubles = [probe.trouble for probe in probes if probe.trouble is not None and not probe.is_answering]
    if not probes or len(troubles) < len(probes):
        return None
    return "no generation endpoint is ready: " + "; ".join(troubles)


def describe_endpoint(endpoint: Endpoint, now: datetime) -> str:
    """How the endpoint is, as one line for people."""
    breaker, error = endpoint.breaker, endpoint.last_error or "nothing is known"
    match breaker.state(now):
        case BreakerState.CLOSED:
            return f"{endpoint.name} takes work; failed {breaker.failures_in_a_row} times in a row: {error}"
        case BreakerState.HALF_OPEN:
            return f"{endpoint.name} gets one task to try: {error}"
        case BreakerState.OPEN if breaker.is_unreachable:
            return f"{endpoint.name} takes no work: {error}"
        case BreakerState.OPEN:
            assert breaker.open_until is not None
            left_s = (breaker.open_until - now).total_seconds()
            return f"{endpoint.name} rests for {left_s:.0f} s more: {error}"
