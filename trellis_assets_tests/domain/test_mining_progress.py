"""A miner counts as at work only while it ticks and polls; else what hinders it is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.mining_progress import MiningFacts, is_still, judge_mining
from trellis_assets.domain.validators import PollRecord, PollTimes

COOLING = "the only validator is cooling down or backing off, the first until 12:05:00"
UNKNOWN = "nothing is known that hinders it"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def judged(**facts: Any) -> CheckResult:
    usual = {"session_s": 600.0, "tick_s": 3.0, "poll_s": 5.0, "eligible": 1}
    return judge_mining(MiningFacts(now=NOW, **(usual | facts)), turn_on="turn it on")


def record(uid: int = 1, outcome: str = "CoolingDown", *, rests_s: float = 0, reason: str = "") -> PollRecord:
    times = PollTimes(NOW + timedelta(seconds=rests_s)) if rests_s else PollTimes()
    return PollRecord(f"5H{uid}", uid, times, outcome, reason or None, NOW - timedelta(seconds=40))


def test_ticks_and_polls_make_a_miner_that_is_at_work() -> None:
    assert judged() == CheckResult("mining", Health.OK, "at work: last tick 3 s ago, last poll 5 s ago")


def test_a_stopped_sensor_is_reported_first() -> None:
    found = judged(paused="paused: the task_sensor is stopped", tick_s=None, poll_s=None)
    assert (found.health, found.text) == (Health.WARNING, "paused: the task_sensor is stopped")
    assert found.advice == "turn it on"


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"tick_s": None}, "no tick of the task_sensor since the start 600 s ago: refused"),
        ({"tick_s": 50.0}, "no tick of the task_sensor for 50 s: refused"),
        ({"stuck": "its event loop has not moved for 41 s"}, "the poller is stuck: its event loop"),
    ],
)
def test_processes_that_live_and_do_nothing_have_failed(facts: dict[str, Any], text: str) -> None:
    found = judged(daemon_error="refused", **facts)
    assert found.health is Health.FAILED
    assert found.text.startswith(text)


def test_a_session_that_just_began_is_not_blamed() -> None:
    assert judged(session_s=20.0, tick_s=None, poll_s=None).health is Health.OK


@pytest.mark.parametrize(
    ("facts", "health", "text"),
    [
        ({"failed": "MetagraphError: no chain"}, Health.FAILED, "MetagraphError: no chain"),
        ({"closed": "no generation endpoint is ready"}, Health.WARNING, "no generation endpoint is ready"),
        ({"active_tasks": 3}, Health.OK, "3 tasks are active"),
        ({"eligible": 0}, Health.FAILED, "no validator passes stake and permit"),
        (
            {"records": [record(rests_s=300)]},
            Health.OK,
            COOLING,
        ),
        (
            {"records": [record(rests_s=300)], "eligible": 2},
            Health.FAILED,
            UNKNOWN,
        ),
    ],
)
def test_after_a_minute_without_a_poll_the_cause_is_reported(
    facts: dict[str, Any], health: Health, text: str
) -> None:
    found = judged(poll_s=61.0, **facts)
    assert is_still(found)
    assert found.health is health
    assert found.text.startswith(f"no poll for 61 s: {text}")
    assert "last tick 3 s ago" in found.text


def test_when_every_poll_fails_the_peers_own_words_are_shown() -> None:
    found = judged(records=[record(7, "Unreachable", reason="HTTP 401: nonce is too old")])
    assert found.health is Health.FAILED
    assert "uid 7 40 s ago: HTTP 401: nonce is too old" in found.text
    one_of_two = [record(7, "Unreachable", reason="HTTP 401"), record(8, "NoTask")]
    assert judged(records=one_of_two, eligible=2).health is Health.OK


def test_a_hotkey_that_no_validator_knows_is_reported() -> None:
    found = judged(records=[record(1, "NotRegistered"), record(2, "NotRegistered")])
    assert "none of 2 validators knows our hotkey" in found.text
    assert "register" in found.advice


def test_without_validators_only_ticks_count() -> None:
    assert judged(pulls=False, poll_s=None, eligible=0).text == "at work: last tick 3 s ago"
