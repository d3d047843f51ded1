"""Statistics in the shape of the seed's JSON export, with rates per hour and mean times."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.statistics import (
    STAGES,
    StageTimes,
    StatisticsSnapshot,
    Totals,
    ValidatorCounters,
    standing,
    standing_change_per_hour,
    together,
)


def performance(snapshot: StatisticsSnapshot) -> dict[str, float]:
    """Return the seed's performance block: rates per hour, success rate, mean times in seconds.

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
    """Return the snapshot as the seed's JSON export: timestamp, uptime, session, validators, performance.

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
    """Return one miner's share of it."""
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


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
