"""`recipes` at a terminal, and what the doctor says of them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trellis_assets.cli import app
from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.diagnostics.recipe_checks import check_recipes
from trellis_assets.domain.diagnostics import Health
from trellis_assets.reports.tables import REPORTS
from trellis_assets.settings import Settings, SettingsError

ALONE = '[[recipe]]\nname = "usual"\n[[recipe]]\nname = "far"\nendpoints = ["nowhere-*"]\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRELLIS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TRELLIS_GENERATOR", "embedded")
    return tmp_path


def test_the_shipped_recipes_are_listed_with_their_versions() -> None:
    said = CliRunner().invoke(app, ["recipes", "--json"])
    assert said.exit_code == 0, said.output
    (usual,) = json.loads(said.output)
    assert usual["name"] == "usual"
    assert len(usual["version"]) == 12
    assert usual["made_at"]


def test_a_recipe_without_an_endpoint_is_named(folder: Path) -> None:
    (folder / "recipes.toml").write_text(ALONE)
    said = CliRunner().invoke(app, ["recipes", "--file", str(folder / "recipes.toml")])
    assert said.exit_code == 1
    assert "far" in said.output
    assert "NO ENDPOINT" in said.output
    (result,) = check(folder / "recipes.toml")
    assert result.health is Health.WARNING
    assert "no endpoint may make far" in result.text


def test_a_file_that_is_wrong_stops_the_command_and_mine_and_fails_the_doctors_check(folder: Path) -> None:
    path = folder / "recipes.toml"
    path.write_text(ALONE.replace("usual", "Us ual"))
    said = CliRunner().invoke(app, ["recipes", "--file", str(path)])
    assert said.exit_code == 2
    assert "recipe 1 needs a name" in said.output
    (result,) = check(path)
    assert result.health is Health.FAILED
    pipeline = Pipeline(Settings.load(recipes_file=path, harvest=False))
    with pytest.raises(SettingsError, match="recipe 1 needs a name"):
        pipeline.check()


def check(path: Path) -> list[object]:
    return list(check_recipes(CheckContext(Pipeline(Settings.load(recipes_file=path)), reads_key=False)))


def test_the_help_of_report_names_every_report() -> None:
    said = CliRunner().invoke(app, ["report", "--help"])
    assert [name for name in REPORTS if name not in said.output] == []
