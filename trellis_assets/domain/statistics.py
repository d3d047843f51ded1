"""Counts and averages over tasks, in the shape that the seed's JSON export has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any

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
    """All of them together."""
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
        """Accepted submissions per submission, 0..1; 0 before the first."""
        return self.total_successful_submissions / max(1, self.total_tasks_submitted)


_COUNTS = (
    *("total_pulls", "total_tasks_received", "total_tasks_submitted", "total_successful_submissions"),
    *("total_handed_back", "cooldown_violations"),
)


def together(counters: Sequence[ValidatorCounters]) -> ValidatorCounters:
    """Of one validator, what several miners have seen of it: counts are sums, the mean score is over all of
    them, and what was last is of the miner that had the last task. The cooldown is the longest.
    """  # noqa: D205
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


STANDINGS_FOR_S, MOST_STANDINGS, LEAST_SPAN_S = 3600.0, 60, 60.0


def kept_standings(known: Sequence[Sequence[float]], *, at_s: float, standing: float) -> list[list[float]]:
    """Return the standings of the last hour, with one more; of older ones the last.

    Args:
        known: pairs of unix seconds and standing.
        at_s: when the new one came, unix seconds.
        standing: the new one.
    """
    earlier = [list(pair) for pair in known if pair[0] < at_s]
    recent = [pair for pair in earlier if pair[0] > at_s - STANDINGS_FOR_S]
    return [*earlier[: len(earlier) - len(recent)][-1:], *recent, [at_s, standing]][-MOST_STANDINGS:]


def standing_per_hour(standings: Sequence[tuple[float, float]]) -> float | None:
    """Return how fast a standing changed from the first to the last; None where nothing can be told.

    From 3,000 to 4,500 within half an hour are 3,000 an hour.
    """
    if len(standings) < 2 or standings[-1][0] - standings[0][0] < LEAST_SPAN_S:  # noqa: PLR2004 - a first and a last
        return None
    (since, first), (until, last) = standings[0], standings[-1]
    return (last - first) / (until - since) * 3600


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
        """Hours since the session (or the first task) began."""
        return max(0.0, (self.taken_at - self.started_at).total_seconds() / 3600)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def performance(snapshot: StatisticsSnapshot) -> dict[str, float]:
    """The seed's performance block: rates per hour, success rate, mean times in seconds.

    `avg_…` are means over everything, as in the seed; `mean_…`, `p50_…` and `p95_…` are over the
    tasks that `snapshot.stages` was taken from. `total_rewards` is the sum of the latest standings with all
    validators, and `rewards_per_hour` how fast it changes: rewards are levels, whose sum over tasks means
    nothing.
    """
    totals, hours = snapshot.totals, snapshot.uptime_hours
    submitted = totals.successful_submissions + totals.rejected_submissions + totals.unknown_submissions
    rates = {
        "tasks_per_hour": _ratio(totals.tasks_processed, hours),
        "success_rate": _ratio(totals.successful_submissions, submitted),
        "avg_generation_time": _ratio(totals.total_generation_time, totals.successful_generations),
        "avg_validation_time": _ratio(totals.total_validation_time, totals.successful_validations),
        "total_rewards": standing(snapshot.validators),
        "rewards_per_hour": standing_change_per_hour(snapshot.validators),
    }
    for stage in STAGES:
        times = snapshot.stages.get(stage, StageTimes())
        rates[f"mean_{stage}_time"] = times.mean
        rates[f"p50_{stage}_time"] = times.p50
        rates[f"p95_{stage}_time"] = times.p95
    return rates


def to_json(snapshot: StatisticsSnapshot) -> dict[str, Any]:
    """The snapshot as the seed's JSON export: timestamp, uptime, session, validators, performance.

    The seed knew no endpoints, and one miner: these have blocks of their own, counted since the beginning.
    Where several miners share the store, `validator_stats` are over all of them.
    """
    by_validator: dict[str, list[ValidatorCounters]] = {}
    for counters in snapshot.validators:
        by_validator.setdefault(counters.hotkey, []).append(counters)
    totals = snapshot.totals
    session: dict[str, Any] = {"session_start": snapshot.started_at.timestamp()}
    session |= {name: getattr(totals, name) for name in Totals.__dataclass_fields__}
    session["total_rewards"] = standing(snapshot.validators)
    return {
        "timestamp": snapshot.taken_at.isoformat(),
        "uptime_hours": round(snapshot.uptime_hours, 4),
        "session_stats": session,
        "validator_stats": {hotkey: _validator_json(together(of)) for hotkey, of in by_validator.items()},
        "miner_stats": {hotkey: _miner_json(snapshot, hotkey) for hotkey in snapshot.miners},
        "endpoint_stats": {e.name: _endpoint_json(e, snapshot.taken_at) for e in snapshot.endpoints},
        "performance": performance(snapshot),
    }


def _miner_json(snapshot: StatisticsSnapshot, hotkey: str) -> dict[str, Any]:
    """One miner's share of it."""
    mine = [v for v in snapshot.validators if v.miner_hotkey == hotkey]
    return asdict(snapshot.miners[hotkey]) | {
        "total_rewards": standing(mine),
        "rewards_per_hour": standing_change_per_hour(mine),
        "validator_stats": {v.hotkey: _validator_json(v) for v in mine},
    }


def _validator_json(validator: ValidatorCounters) -> dict[str, Any]:
    received = validator.last_task_received
    return {
        "uid": validator.uid,
        "stake": validator.stake,
        "total_tasks_pulled": validator.total_pulls,
        "total_tasks_received": validator.total_tasks_received,
        "total_tasks_submitted": validator.total_tasks_submitted,
        "total_successful_submissions": validator.total_successful_submissions,
        "total_handed_back": validator.total_handed_back,
        "average_score": validator.average_score,
        "validator_average": validator.validator_average,
        "success_rate": validator.success_rate,
        "last_reward": validator.last_reward,
        "reward_per_hour": validator.reward_per_hour,
        "last_duel_rating": validator.last_duel_rating,
        "last_task_received": received.isoformat() if received else None,
        "cooldown_until": validator.cooldown_until.isoformat() if validator.cooldown_until else None,
        "cooldown_violations": validator.cooldown_violations,
    }


def _endpoint_json(endpoint: Endpoint, now: datetime) -> dict[str, Any]:
    failed, succeeded = endpoint.last_failed_at, endpoint.last_succeeded_at
    return {
        "state": str(endpoint.breaker.state(now)),
        "generations": endpoint.generations,
        "failures": endpoint.failures,
        "failures_in_a_row": endpoint.breaker.failures_in_a_row,
        "total_generation_time": endpoint.generation_s,
        "recent_generation_time": endpoint.pace_s,
        "busy_share": endpoint.busy_share,
        "last_error": endpoint.last_error,
        "last_failure": failed.isoformat() if failed else None,
        "last_success": succeeded.isoformat() if succeeded else None,
    }
