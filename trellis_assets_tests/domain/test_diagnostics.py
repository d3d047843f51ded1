"""Health of parts and of the whole."""

import pytest

from trellis_assets.domain.diagnostics import (
    NO_BYTES,
    SCARCE_BYTES,
    CheckResult,
    Health,
    as_json,
    judge_disk,
    judge_workers,
    worst,
)

FINE, POOR, BROKEN = (CheckResult("part", health, "text") for health in Health)


@pytest.mark.parametrize(
    ("results", "whole"),
    [([], FINE), ([FINE], FINE), ([POOR, FINE], POOR), ([FINE, BROKEN, POOR], BROKEN)],
)
def test_the_whole_is_as_its_worst_part(results: list[CheckResult], whole: CheckResult) -> None:
    assert worst(results) is whole.health
    assert as_json(results)["health"] == whole.health


def test_other_programs_get_every_part_with_its_advice() -> None:
    result = CheckResult("gpu", Health.WARNING, "hot", "cool it")
    assert as_json(iter([result]))["parts"] == [
        {"part": "gpu", "health": "warning", "text": "hot", "advice": "cool it"}
    ]


@pytest.mark.parametrize(
    ("free", "health"),
    [
        (SCARCE_BYTES, Health.OK),
        (SCARCE_BYTES - 1, Health.WARNING),
        (NO_BYTES, Health.WARNING),
        (NO_BYTES - 1, Health.FAILED),
        (0, Health.FAILED),
    ],
)
def test_a_disk_is_judged_by_its_free_bytes(free: int, health: Health) -> None:
    result = judge_disk(free, "/folder")
    assert result.health is health
    assert "/folder" in result.text
    assert bool(result.advice) is (health is not Health.OK)


HOSTS = {"a@host": {"left"}, "b@host": {"right", "spare"}, "c@host": {"of another miner"}}
HANDS = {"a@host": 2, "b@host": 1, "c@host": 8}


@pytest.mark.parametrize(
    ("wanted", "endpoints", "health", "words"),
    [
        (["left", "right"], 3, Health.OK, "3 runs at a time in 2 workers"),
        (["left"], 2, Health.OK, "2 runs at a time in 1 worker"),
        (["left", "right"], 4, Health.WARNING, "3 runs at a time in 2 workers for 4 endpoints"),
        (["left", "third"], 1, Health.WARNING, "none serves third"),
        (["third"], 1, Health.FAILED, "no worker executes runs of third"),
    ],
)
def test_workers_are_judged_by_the_queues_they_serve_and_the_endpoints_they_keep_busy(
    wanted: list[str], endpoints: int, health: Health, words: str
) -> None:
    result = judge_workers(HOSTS, HANDS, wanted, endpoints)
    assert result.health is health
    assert words in result.text
    assert bool(result.advice) is (health is not Health.OK)
