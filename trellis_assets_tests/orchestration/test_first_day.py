"""Partitions start on one day for `mine` and for Dagster's own commands, and it never moves later."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from trellis_assets.orchestration.first_day import DEFAULT, first_day, record_first_day
from trellis_assets.settings import Settings
from trellis_assets.testing.clean_environment import clean_environment

NOVEMBER, DECEMBER = date(2025, 11, 23), date(2025, 12, 24)


def test_the_recorded_day_holds_for_commands_that_mine_does_not_start(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path)
    assert first_day(settings) == DEFAULT
    assert record_first_day(settings, NOVEMBER) == NOVEMBER
    assert first_day(settings) == NOVEMBER


def test_a_new_store_in_the_same_folder_moves_no_partition(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path)
    record_first_day(settings, NOVEMBER)
    assert record_first_day(settings, DECEMBER) == NOVEMBER
    assert first_day(settings) == NOVEMBER


def test_an_older_store_that_was_restored_moves_it_earlier(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path)
    record_first_day(settings, DECEMBER)
    assert record_first_day(settings, NOVEMBER) == NOVEMBER


def test_the_setting_wins_in_mine_too(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path, first_day="2026-06-01")
    assert record_first_day(settings, NOVEMBER) == first_day(settings) == date(2026, 6, 1)


@pytest.mark.parametrize("content", [b"", b"yesterday\n", b"2025-13-01\n", b"\xff\xfe"])
def test_a_file_that_holds_no_day_is_written_anew(tmp_path: Path, content: bytes) -> None:
    settings = Settings.load(data_dir=tmp_path)
    (tmp_path / "first_day").write_bytes(content)
    assert first_day(settings) == DEFAULT
    assert record_first_day(settings, NOVEMBER) == NOVEMBER
    assert first_day(settings) == NOVEMBER


def test_dagster_s_own_commands_have_the_partitions_of_the_sessions(tmp_path: Path) -> None:
    record_first_day(Settings.load(data_dir=tmp_path), NOVEMBER)
    code = "from trellis_assets.defs.partitions import days; print(days.get_first_partition_key())"
    environment = clean_environment() | {"TRELLIS_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "2025-11-23"
