"""The `.env` that `init` writes: complete, harmless as it is, right where it is used, never over another."""

import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trellis_assets.cli import app
from trellis_assets.settings import FIELDS, Settings, SettingsError
from trellis_assets.settings.dotenv_template import template, write_template


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in FIELDS:
        monkeypatch.delenv(f"TRELLIS_{name.upper()}", raising=False)
    return tmp_path


def test_the_file_names_every_setting_and_sets_none(here: Path) -> None:
    before = Settings.load().values()
    shown = CliRunner().invoke(app, ["init"])
    assert shown.exit_code == 0, shown.output
    assert Settings.load().values() == before
    named = re.findall(r"^# TRELLIS_(\w+)=", (here / ".env").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name.lower() for name in named] == list(FIELDS)


def test_a_default_that_is_no_longer_a_comment_changes_nothing(here: Path) -> None:
    before = Settings.load().values()
    uncommented = re.sub(r"^# (TRELLIS_\w+=.+)$", r"\1", template(), flags=re.MULTILINE)
    assert uncommented.count("\nTRELLIS_") > 50
    (here / ".env").write_text(uncommented, encoding="utf-8")
    assert Settings.load().values() == before


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    assert stat.S_IMODE(write_template(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("is_link", [False, True])
def test_an_existing_file_is_never_changed(here: Path, is_link: bool) -> None:
    mine = here / ("secrets" if is_link else ".env")
    mine.write_text("TRELLIS_NETUID=17\n", encoding="utf-8")
    if is_link:
        (here / ".env").symlink_to(mine)
    shown = CliRunner().invoke(app, ["init"])
    assert shown.exit_code == 2
    assert "exists and was not changed" in shown.output
    assert mine.read_text(encoding="utf-8") == "TRELLIS_NETUID=17\n"


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere/\.env cannot be written"):
        write_template(tmp_path / "nowhere")
