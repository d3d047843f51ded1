"""Partitions are hours and days of UTC, whatever the machine's time zone does."""

import itertools
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from trellis_assets.definitions import defs
from trellis_assets.defs.partitions import days, hours_of_generation
from trellis_assets.defs.schedules import publish_reports_job_hourly_schedule
from trellis_assets.supervisor.materialize import selections
from trellis_assets.testing.fakes import NOW

# Days on which clocks are changed: Berlin in spring and autumn, and Lord Howe Island by half an hour.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
]


@pytest.fixture(params=CHANGES, ids=[f"{zone} {day:%m-%d}" for zone, day in CHANGES])
def changed_day(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    zone, day = request.param
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    offsets = {time.localtime((day + timedelta(hours=hour)).timestamp()).tm_gmtoff for hour in (-24, 36)}
    assert len(offsets) == 2, "the machine knows this change of clocks"
    yield day
    monkeypatch.undo()
    time.tzset()


def test_a_day_of_a_clock_change_has_24_hours_of_its_own(changed_day: datetime) -> None:
    moments = [changed_day + timedelta(hours=hour, minutes=30) for hour in range(24)]
    keys = [hours_of_generation.get_partition_key_for_timestamp(moment.timestamp()) for moment in moments]
    assert keys == [f"{changed_day:%Y-%m-%d}-{hour:02}:00" for hour in range(24)]
    for key, moment in zip(keys, moments, strict=True):
        window = hours_of_generation.time_window_for_partition_key(key)
        assert window.end - window.start == timedelta(hours=1)
        assert window.start <= moment < window.end


def test_every_moment_of_the_day_is_in_the_report_of_that_day(changed_day: datetime) -> None:
    window = days.time_window_for_partition_key(f"{changed_day:%Y-%m-%d}")
    assert (window.start, window.end) == (changed_day, changed_day + timedelta(days=1))


def test_partitions_follow_one_another_without_a_gap(changed_day: datetime) -> None:
    names = hours_of_generation.get_partition_keys(changed_day + timedelta(days=2))
    assert len(set(names)) == len(names)
    starts = [hours_of_generation.time_window_for_partition_key(name).start for name in names[-60:]]
    assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {timedelta(hours=1)}


def test_the_schedule_and_the_command_name_partitions_that_exist(changed_day: datetime) -> None:
    for hour in range(24):
        at = changed_day + timedelta(hours=hour, minutes=41)
        context = dg.build_schedule_context(scheduled_execution_time=at)
        requests = publish_reports_job_hourly_schedule(context)
        assert {f"{changed_day:%Y-%m-%d}"} <= {request.partition_key for request in requests}
        first, last = selections(at)["idle validation of the last hours"][-1].split("...")
        known = set(hours_of_generation.get_partition_keys(at))
        assert {first, last} <= known


def test_materialize_names_every_asset_but_exploration() -> None:
    """Exploration makes models on the GPU: it is asked for by name."""
    repository = defs.get_repository_def()
    groups = {
        group
        for options in selections(NOW).values()
        for group in re.findall(r"group:(\w+)", options[options.index("--select") + 1])
    }
    nodes = repository.asset_graph.asset_nodes
    left = {node.key.to_user_string() for node in nodes if node.group_name not in groups}
    assert left == {"recipe_exploration"}
