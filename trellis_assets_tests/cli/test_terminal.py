"""What the commands say to a person at a terminal: versions, mistakes, folders that cannot be used."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from trellis_assets.testing.clean_environment import clean_environment

CLI = [sys.executable, "-m", "trellis_assets.cli"]


def execute(
    command: list[str], variables: dict[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = clean_environment() | variables
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return execute([*CLI, *words], variables)


def test_the_version_is_the_package_s() -> None:
    assert run("--version").stdout == f"trellis-assets {version('trellis-assets')}\n"


def test_a_mistyped_setting_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    done = run("settings", TRELLIS_MIN_SCOR="0.7", TRELLIS_DATA_DIR=str(tmp_path))
    assert done.returncode == 0
    assert "warning: TRELLIS_MIN_SCOR is not a setting: did you mean TRELLIS_MIN_SCORE?" in done.stderr


def test_a_number_out_of_range_names_the_flag(tmp_path: Path) -> None:
    done = run("mine", "--tasks", "-5", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert "--tasks" in done.stderr
    assert "TRELLIS_TASK_LIMIT" not in done.stderr


@pytest.mark.parametrize("command", ["mine", "stats"])
def test_a_data_folder_that_is_a_file_gets_one_sentence(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    done = run(command, "--data-dir", str(tmp_path / "file"))
    assert done.returncode == 2
    assert done.stderr == (
        f"error: The folder {tmp_path / 'file'} cannot be created: a file is in its place. "
        "Set TRELLIS_DATA_DIR to a folder that can be written.\n"
    )


def test_an_empty_data_folder_is_refused_and_not_taken_for_the_current_one(tmp_path: Path) -> None:
    done = execute([*CLI, "stats"], {"TRELLIS_DATA_DIR": ""}, tmp_path)
    assert done.returncode == 2
    assert "TRELLIS_DATA_DIR" in done.stderr
    assert "is empty" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_settings_are_printed_as_they_can_be_set_again(tmp_path: Path) -> None:
    printed = run("settings", TRELLIS_DATA_DIR=str(tmp_path), TRELLIS_WALLET_NAME="a # b").stdout
    (tmp_path / ".env").write_text(printed)
    assert execute([*CLI, "settings"], {}, tmp_path).stdout == printed
    assert "TRELLIS_WALLET_NAME='a # b'" in printed


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    command = f"{' '.join(CLI)} settings | head -1"
    done = execute(["bash", "-c", f"set -o pipefail; {command}"], {"TRELLIS_DATA_DIR": str(tmp_path)})
    assert "Traceback" not in done.stderr
    assert done.stdout.count("\n") == 1


def test_a_home_that_cannot_be_written_is_not_written_to(tmp_path: Path) -> None:
    code = "import trellis_assets.adapters.bittensor.import_guard"
    done = execute([sys.executable, "-c", code], {"HOME": str(tmp_path / "home")})
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "home" / ".bittensor").exists()
    assert os.environ.get("READ_ONLY") is None


def test_a_report_s_format_follows_the_name_of_its_file(tmp_path: Path) -> None:
    page = tmp_path / "rewards.html"
    assert run("report", "--out", str(page), "--data-dir", str(tmp_path / "data")).returncode == 0
    assert page.read_text().startswith("<!doctype html>")
    wrong = run("report", "--format", "docx", "--data-dir", str(tmp_path / "data"))
    assert "there is no format 'docx'" in wrong.stderr
