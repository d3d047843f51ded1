"""Counts and sums over tasks: of sessions, validators and miners, as they were at a moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from trellis_assets.domain.endpoints.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class Totals:
    """Plain sums over a set of tasks (a session's, or all). Durations in seconds."""

    tasks_pulled: int = 0
    tasks_processed: int = 0  # in a final state
    successful_generations: int = 0
    successful_validations: int = 0
    successful_submissions: int = 0
    rejected_submissions: int = 0
    unknown_submissions: int = 0
    handed_back: int = 0
    failed: int = 0
    kept: int = 0
    in_flight: int = 0
    duplicates: int = 0
    reused_results: int = 0
    total_generation_time: float = 0.0
    total_validation_time: float = 0.0
    total_submission_time: float = 0.0
    total_fidelity: float = 0.0
    idle_validations: int = 0


def sum_of(totals: Iterable[Totals]) -> Totals:
    """Return the sum of each count."""
    listed = list(totals)
    return Totals(**{part.name: sum(getattr(each, part.name) for each in listed) for part in fields(Totals)})


@dataclass(frozen=True, slots=True)
class ValidatorCounters:
    """What one miner has seen of one validator.

    Attributes:
        average_score: moving average of accepted scores as we saw them, from 1.0 on as the validators' own
            (PROTOCOL 4.7); None before the first.
        validator_average: the validator's own, by its last feedback.
        last_reward: our standing with the validator by its last feedback, a level: what weights are set by.
        reward_per_hour: how the standing changed within the last hour of feedback.
    """

    miner_hotkey: str
    uid: int
    hotkey: str
    stake: float
    total_pulls: int = 0
    total_tasks_received: int = 0
    total_tasks_submitted: int = 0
    total_successful_submissions: int = 0
    total_handed_back: int = 0
    average_score: float | None = None
    validator_average: float | None = None
    last_reward: float | None = None
    reward_per_hour: float | None = None
    last_duel_rating: float | None = None
    last_task_received: datetime | None = None
    cooldown_until: datetime | None = None
    cooldown_violations: int = 0

    @property
    def success_rate(self) -> float:
        """Return the accepted share of submissions, 0..1; 0 before the first."""
        return self.total_successful_submissions / max(1, self.total_tasks_submitted)


_COUNTS = (
    *("total_pulls", "total_tasks_received", "total_tasks_submitted", "total_successful_submissions"),
    *("total_handed_back", "cooldown_violations"),
)


def together(counters: Sequence[ValidatorCounters]) -> ValidatorCounters:
    """Return what several miners together have seen of one validator.

    Counts are sums, and the average score is weighted by accepted submissions: three of 0.6 and one of 1.0
    are 0.7. What was last is taken from the miner that had the last task; the cooldown is the longest.

    Args:
        counters: at least one, all of the same validator.
    """
    last = max(counters, key=lambda c: c.last_task_received.timestamp() if c.last_task_received else 0.0)
    scored = [c for c in counters if c.average_score is not None]
    weights = [max(1, c.total_successful_submissions) for c in scored]
    weighed = sum((c.average_score or 0.0) * weight for c, weight in zip(scored, weights, strict=True))
    sums = {name: sum(getattr(c, name) for c in counters) for name in _COUNTS}
    cooldowns = [c.cooldown_until for c in counters if c.cooldown_until is not None]
    return replace(
        last,
        **sums,
        average_score=weighed / sum(weights) if scored else None,
        cooldown_until=max(cooldowns, default=None),
    )


def standing(counters: Iterable[ValidatorCounters]) -> float:
    """Return the sum of the latest standings: what all validators together hold of the miner.

    A standing is a level, accepted results of the last four hours times a rating. Two validators that last
    named 3,000 and 4,500 hold 7,500, however many feedbacks came before.
    """
    return sum(c.last_reward or 0.0 for c in counters)


def standing_change_per_hour(counters: Iterable[ValidatorCounters]) -> float:
    """Return how fast the sum of the standings changes, per hour, by the last hour of feedback of each."""
    return sum(c.reward_per_hour or 0.0 for c in counters)


# From pull to generation, generation itself, the local verdict, from sending to the answer.
STAGES = ("queue", "generation", "validation", "submission")


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How long a stage took, in seconds, over `count` tasks; zeros without any."""

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0


@dataclass(frozen=True, slots=True)
class StatisticsSnapshot:
    """Totals of a session (or of everything) at a moment, with the counters of validators and endpoints.

    Attributes:
        miners: totals of each miner of the store since the beginning, by hotkey, whatever the session.
    """

    taken_at: datetime
    session_id: int | None
    started_at: datetime
    totals: Totals
    validators: tuple[ValidatorCounters, ...]
    stages: Mapping[str, StageTimes] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    miners: Mapping[str, Totals] = field(default_factory=dict)

    @property
    def uptime_hours(self) -> float:
        """Return the hours since the session (or the first task) began."""
        return max(0.0, (self.taken_at - self.started_at).total_seconds() / 3600)
