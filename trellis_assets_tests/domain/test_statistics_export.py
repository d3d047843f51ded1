"""The JSON export, against figures computed by hand."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_assets.domain.endpoints.breaker import Breaker
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.standings import kept_standings, standing_per_hour
from trellis_assets.domain.statistics import StatisticsSnapshot, Totals, ValidatorCounters
from trellis_assets.domain.statistics_export import performance, to_json
from trellis_assets.testing.fakes import NOW


def _snapshot(totals: Totals, hours: float) -> StatisticsSnapshot:
    counters = ValidatorCounters(
        miner_hotkey="m",
        uid=7,
        hotkey="v",
        stake=1.0,
        total_tasks_submitted=4,
        total_successful_submissions=3,
    )
    return StatisticsSnapshot(NOW + timedelta(hours=hours), 1, NOW, totals, (counters,))


def test_rates_are_per_hour_and_means_per_event() -> None:
    totals = Totals(
        tasks_processed=10,
        successful_generations=8,
        total_generation_time=16.0,
        successful_submissions=6,
        rejected_submissions=2,
    )
    figures = performance(_snapshot(totals, hours=2))
    assert figures["tasks_per_hour"] == 5
    assert figures["success_rate"] == 0.75
    assert figures["avg_generation_time"] == 2.0


def test_rewards_are_the_latest_standings_and_their_change_not_a_sum_over_tasks() -> None:
    snapshot = _snapshot(Totals(), hours=2)
    (one,) = snapshot.validators
    kept: list[list[float]] = []
    for minutes, standing in ((0, 1500.0), (10, 3000.0), (30, 4500.0)):
        kept = kept_standings(kept, at_s=minutes * 60.0, standing=standing)
    rate = standing_per_hour([(at, standing) for at, standing in kept])
    one = replace(one, last_reward=4500.0, reward_per_hour=rate)
    two = replace(one, hotkey="w", last_reward=3000.0, reward_per_hour=None)
    exported = to_json(replace(snapshot, validators=(one, two), miners={"m": Totals()}))
    assert exported["performance"]["total_rewards"] == 7500.0
    assert exported["performance"]["rewards_per_hour"] == pytest.approx(6000.0)
    assert exported["session_stats"]["total_rewards"] == 7500.0
    assert exported["miner_stats"]["m"]["total_rewards"] == 7500.0


def test_rates_are_zero_before_anything_was_done() -> None:
    assert set(performance(_snapshot(Totals(), hours=0)).values()) == {0.0}


def test_the_export_has_the_seeds_blocks() -> None:
    exported = to_json(_snapshot(Totals(tasks_pulled=2), hours=1))
    seeds = {"timestamp", "uptime_hours", "session_stats", "validator_stats", "performance"}
    assert set(exported) == seeds | {"endpoint_stats", "miner_stats"}
    assert exported["session_stats"]["tasks_pulled"] == 2
    assert exported["validator_stats"]["v"]["success_rate"] == 0.75


def test_miners_that_meet_the_same_validator_are_told_apart_and_summed_up() -> None:
    snapshot = _snapshot(Totals(), hours=1)
    (first,) = snapshot.validators
    first = replace(first, average_score=0.6, last_reward=1.0, last_task_received=NOW, cooldown_until=NOW)
    later = NOW + timedelta(minutes=1)
    second = replace(
        first,
        miner_hotkey="n",
        total_tasks_submitted=1,
        total_successful_submissions=1,
        average_score=1.0,
        last_reward=2.0,
        last_task_received=later,
    )
    both = {"m": Totals(tasks_pulled=5), "n": Totals(tasks_pulled=2)}
    exported = to_json(replace(snapshot, validators=(first, second), miners=both))
    apart = exported["miner_stats"]
    assert {name: apart[name]["tasks_pulled"] for name in apart} == {"m": 5, "n": 2}
    assert apart["m"]["validator_stats"]["v"]["total_tasks_submitted"] == 4
    assert apart["n"]["validator_stats"]["v"]["total_tasks_submitted"] == 1
    of_both = exported["validator_stats"]["v"]
    assert (of_both["total_tasks_submitted"], of_both["success_rate"]) == (5, 0.8)
    assert of_both["average_score"] == pytest.approx(0.7), "three of 0.6 and one of 1.0"
    assert (of_both["last_reward"], of_both["last_task_received"]) == (2.0, later.isoformat())


def test_the_export_tells_how_each_endpoint_does() -> None:
    resting = Breaker(3, 1, NOW + timedelta(seconds=9))
    gpu = Endpoint(
        "gpu", resting, recent_s=(4.0,), generations=2, failures=3, busy_share=0.5, last_failed_at=NOW
    )
    snapshot = replace(_snapshot(Totals(), hours=0), endpoints=(gpu,))
    exported = to_json(snapshot)["endpoint_stats"]["gpu"]
    assert json.loads(json.dumps(exported)) == exported
    assert (exported["state"], exported["generations"], exported["failures"]) == ("open", 2, 3)
    assert (exported["recent_generation_time"], exported["busy_share"]) == (4.0, 0.5)
    assert exported["last_failure"] == NOW.isoformat()
