"""Progress: silence, rounds and stages are held against their bounds, of the right process."""

from typing import Any

import pytest

from trellis_assets.domain.heartbeats import (
    Heartbeat,
    Stage,
    stage_bounds,
    why_poller_is_stuck,
    why_silent,
    why_worker_is_stuck,
)


def beat(at: float, **figures: Any) -> Heartbeat:
    read = Heartbeat.read({"pid": 7, "beat_at": at, **figures})
    assert read is not None
    return read


@pytest.mark.parametrize("figures", [{}, {"pid": "7", "beat_at": 1}, {"pid": 7, "beat_at": None}])
def test_a_file_that_is_not_a_heartbeat_is_not_read_as_one(figures: dict[str, Any]) -> None:
    assert Heartbeat.read(figures) is None


@pytest.mark.parametrize(
    ("heartbeat", "now", "silent"),
    [
        (beat(100), 139, False),
        (beat(100), 141, True),
        (None, 59, False),
        (None, 61, True),
        (Heartbeat(8, 100, {}), 61, True),
    ],
)
def test_a_process_is_stuck_once_it_tells_nothing_for_too_long(
    heartbeat: Heartbeat | None, now: float, silent: bool
) -> None:
    assert (why_silent(heartbeat, 7, started_at=0, now=now) is not None) is silent


@pytest.mark.parametrize(
    ("figures", "now", "reason"),
    [
        ({"rounds": 5, "round_at": 100}, 120, None),
        ({"rounds": 5, "round_at": 100}, 141, "its event loop has not moved for 41 s"),
        ({"rounds": 5, "round_at": 50}, 101, "no round of polls has ended for 51 s"),
        ({"rounds": 0, "started_at": 0}, 101, None),
        ({"rounds": 0, "started_at": -90}, 101, "no round of polls has ended for 191 s"),
    ],
)
def test_a_poller_is_stuck_when_its_loop_or_its_rounds_stand_still(
    figures: dict[str, Any], now: float, reason: str | None
) -> None:
    heartbeat = beat(100, is_running=True, **figures)
    assert why_poller_is_stuck(heartbeat, 7, now=now) == reason
    assert why_poller_is_stuck(heartbeat, 8, now=now) is None, "an earlier process's"
    ended = beat(100, is_running=False, **figures)
    assert why_poller_is_stuck(ended, 7, now=now) is None


@pytest.mark.parametrize(
    ("silent_s", "stage", "stage_s", "reason"),
    [
        (5, Stage.GENERATING, 359, None),
        (5, Stage.GENERATING, 361, "generating for 361 s, longer than 360 s"),
        (61, None, 0, "no heartbeat for 61 s"),
        (5, Stage.RUNNING, 10_000, None),
        (5, None, 10_000, None),
    ],
)
def test_a_worker_is_stuck_without_heartbeats_or_past_its_stages_bound(
    silent_s: float, stage: Stage | None, stage_s: float, reason: str | None
) -> None:
    bounds = stage_bounds(generation_s=300, validation_s=120, submission_s=300)
    assert why_worker_is_stuck(silent_s=silent_s, stage=stage, stage_s=stage_s, bounds=bounds) == reason
