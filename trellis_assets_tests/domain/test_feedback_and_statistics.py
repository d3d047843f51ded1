"""Averages and rates, against figures computed by hand."""

import json
import math
from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_assets.domain.endpoints import Breaker, Endpoint
from trellis_assets.domain.feedback import finite_in, moving_average
from trellis_assets.domain.statistics import (
    StatisticsSnapshot,
    Totals,
    ValidatorCounters,
    performance,
    to_json,
)
from trellis_assets_tests.fakes import NOW, a_feedback


def test_the_first_value_starts_the_average_and_later_ones_weigh_five_percent() -> None:
    assert moving_average(None, 0.8) == 0.8
    assert moving_average(0.8, 0.6) == pytest.approx(0.95 * 0.8 + 0.05 * 0.6)


@pytest.mark.parametrize(
    ("value", "expected"), [(math.nan, 0.0), (math.inf, 1.0), (-math.inf, 0.0), (0.5, 0.5), (7.0, 1.0)]
)
def test_a_strangers_number_is_cut_to_its_range(value: float, expected: float) -> None:
    assert finite_in(value, 0.0, 1.0) == expected


def test_feedback_of_a_failed_scoring_is_no_acceptance() -> None:
    assert a_feedback(0.8).is_accepted
    assert not a_feedback(0.0).is_accepted
    assert not a_feedback(0.8, validation_failed=True).is_accepted


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
        total_rewards=3.0,
    )
    figures = performance(_snapshot(totals, hours=2))
    assert figures["tasks_per_hour"] == 5
    assert figures["rewards_per_hour"] == 1.5
    assert figures["success_rate"] == 0.75
    assert figures["avg_generation_time"] == 2.0


def test_nothing_done_yet_divides_by_nothing() -> None:
    assert set(performance(_snapshot(Totals(), hours=0)).values()) == {0.0}


def test_the_export_has_the_seeds_blocks() -> None:
    exported = to_json(_snapshot(Totals(tasks_pulled=2), hours=1))
    seeds = {"timestamp", "uptime_hours", "session_stats", "validator_stats", "performance"}
    assert set(exported) == seeds | {"endpoint_stats"}
    assert exported["session_stats"]["tasks_pulled"] == 2
    assert exported["validator_stats"]["v"]["success_rate"] == 0.75


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
