"""What we write is its owner's alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trellis_assets.cli import app
from trellis_assets.composition import Pipeline
from trellis_assets.settings import Settings
from trellis_assets.system.file_permissions import make_private_folder, restrict_umask


@pytest.fixture
def open_umask() -> Iterator[None]:
    """New files are for everybody, as on most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_new_and_open_folders_become_private(tmp_path: Path, open_umask: None) -> None:
    opened = tmp_path / "open"
    opened.mkdir(mode=0o755)
    for folder in (opened, tmp_path / "new"):
        make_private_folder(folder)
        assert mode(folder) == 0o700


@pytest.mark.parametrize("where", ["shared", "home", "work", "above home"])
def test_folder_that_others_need_keeps_its_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    folder.chmod(0o1777 if where == "shared" else 0o755)
    homes = {"home": folder, "above home": folder / "below"}
    monkeypatch.setenv("HOME", str(homes.get(where, tmp_path)))
    monkeypatch.chdir(folder if where == "work" else tmp_path)
    before = mode(folder)
    make_private_folder(folder)
    assert mode(folder) == before


@pytest.mark.sqlite_only
def test_every_command_writes_for_its_owner_alone(tmp_path: Path, open_umask: None) -> None:
    data = tmp_path / "data"
    for command in (["stats"], ["doctor"], ["backup"], ["report", "--out", str(data / "r.csv")]):
        CliRunner().invoke(app, [*command, "--data-dir", str(data)])
    written = {path.name for path in data.rglob("*")}
    assert {"trellis.db", "logs", "backups", "r.csv", "mine.lock"} <= written
    assert [path for path in (data, *data.rglob("*")) if mode(path) & 0o077] == []


def test_model_is_private_while_it_is_being_written(tmp_path: Path, open_umask: None) -> None:
    restrict_umask()
    pipeline = Pipeline(Settings.load(data_dir=tmp_path / "data"))
    stored = pipeline.files.write(1, "spz", b"model")
    path = tmp_path / "data" / stored.path
    assert mode(path) == 0o600
    folders = [folder for folder in path.parents if folder.is_relative_to(tmp_path / "data")]
    assert {mode(folder) for folder in folders} == {0o700}


@pytest.mark.sqlite_only
def test_files_are_private_under_dagsters_own_commands(tmp_path: Path) -> None:
    """`dagster dev` starts processes that never pass our command line."""
    code = (
        "import os; os.umask(0o022); from trellis_assets.defs.resources import StoreResource; "
        "StoreResource().get().store.statistics.count_by_state(); print(oct(os.umask(0)))"
    )
    environment = os.environ | {"TRELLIS_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0o77"
    assert mode(tmp_path / "data" / "trellis.db") == 0o600
