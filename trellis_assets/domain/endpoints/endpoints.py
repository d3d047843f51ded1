"""Generation endpoints: the record of each, and how outcomes of generations and health probes change it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import median

from trellis_assets.domain.endpoints.breaker import (
    Breaker,
    Outcome,
    after_failure,
    after_good_probe,
    after_refused_probe,
    must_renew,
)
from trellis_assets.domain.endpoints.fault_attribution import (
    is_failure_of_prompt,
    is_refusal_of_prompt,
    with_mark,
)
from trellis_assets.domain.endpoints.orientation_trials import OrientationTrials

# Enough to smooth, few enough to follow an endpoint whose GPU was replaced.
PACE_OVER = 11


@dataclass(frozen=True, slots=True)
class Probe:
    """What a health probe of an endpoint found.

    Attributes:
        endpoint: its name.
        trouble: why it takes no work, in the server's own words where it has any; None when it does.
        is_answering: something is there, and loads its models, say; it may take work by itself later.
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
        recent_s: seconds of its last generations, the newest last.
        generations, failures, generation_s: counts and seconds since it was first used.
        busy_share: of the last hour, 0..1; None where it was not computed.
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
        """Return the median seconds of its last generations; None before the first.

        Examples:
            >>> Endpoint("gpu", recent_s=(9.0, 4.0, 5.0)).pace_s
            5.0
        """
        return median(self.recent_s) if self.recent_s else None


def after_outcome(endpoint: Endpoint, outcome: Outcome, now: datetime) -> Endpoint:
    """Return the endpoint once a generation there has ended.

    Examples:
        >>> from datetime import timezone
        >>> now = datetime(2026, 1, 1, tzinfo=timezone.utc)
        >>> failed = after_outcome(Endpoint("gpu"), Outcome(1.0, "answered 500"), now)
        >>> failed.failures, failed.breaker.failures_in_a_row, failed.last_error
        (1, 1, 'answered 500')
        >>> made = after_outcome(failed, Outcome(4.0), now)
        >>> made.generations, made.breaker.failures_in_a_row, made.pace_s
        (1, 0, 4.0)
    """
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
    is_proven = endpoint.is_proven and not outcome.is_unreachable
    seen = replace(endpoint, failed_prompts=marks, is_proven=is_proven)
    if outcome.is_unclear and is_of_prompt(endpoint, outcome.prompt or ""):
        return seen
    if outcome.is_unclear and is_known:
        # The same prompt again tells nothing new of the endpoint.
        return replace(seen, last_error=outcome.failure, last_failed_at=now)
    return replace(
        seen,
        breaker=after_failure(endpoint.name, endpoint.breaker, outcome, now, prompts=len(marks)),
        failures=endpoint.failures + 1,
        last_error=outcome.failure,
        last_failed_at=now,
    )


def after_probe(endpoint: Endpoint, probe: Probe, now: datetime) -> Endpoint:
    """Return the endpoint after a health probe; the very same object where the probe tells nothing new."""
    breaker = endpoint.breaker
    if probe.trouble is None:
        changed = after_good_probe(breaker, now)
        return endpoint if changed is breaker else replace(endpoint, breaker=changed)
    is_known = breaker.is_unreachable and endpoint.last_error == probe.trouble
    if is_known and not must_renew(breaker, now):
        return endpoint
    return replace(
        endpoint,
        breaker=after_refused_probe(breaker, now),
        last_error=probe.trouble,
        last_failed_at=now,
        # What comes up again may be another server than the one that made models.
        is_proven=False,
    )


def is_of_prompt(endpoint: Endpoint, mark: str) -> bool:
    """Return whether an unclear answer of the endpoint to this prompt is believed to be about the prompt."""
    return is_refusal_of_prompt(mark, endpoint.failed_prompts, is_proven=endpoint.is_proven)


def has_only_failed_at(endpoint: Endpoint, mark: str) -> bool:
    """Return whether the endpoint makes models, and failed at this prompt alone since its last one."""
    return is_failure_of_prompt(mark, endpoint.failed_prompts, is_proven=endpoint.is_proven)
