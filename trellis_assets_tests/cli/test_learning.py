"""`explain` and `experiment` at a terminal."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.cli import app
from trellis_assets.domain.learning.recipes import USUAL
from trellis_assets.testing.fakes import a_candidate, a_verdict
from trellis_assets_tests.ended_tasks import History


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRELLIS_DATABASE_URL", f"sqlite:///{tmp_path / 'trellis.db'}")
    monkeypatch.setenv("TRELLIS_GENERATOR", "embedded")
    return tmp_path


@pytest.mark.sqlite_only
def test_a_task_is_explained_and_validators_are_compared(folder: Path) -> None:
    store = open_store(f"sqlite:///{folder / 'trellis.db'}")
    key = History(store).answered(score=0.8).key
    store.close()
    said = CliRunner().invoke(app, ["explain", str(key), "--data-dir", str(folder)])
    assert said.exit_code == 0, said.output
    assert "the learnt policy would" in said.output
    assert "0 of 30 answered results" in said.output
    told = CliRunner().invoke(app, ["experiment", "--json", "--data-dir", str(folder)])
    assert json.loads(told.output)["validators"][0]["answered"] == 1


@pytest.mark.sqlite_only
def test_an_unknown_task_gets_one_sentence(folder: Path) -> None:
    open_store(f"sqlite:///{folder / 'trellis.db'}").close()
    said = CliRunner().invoke(app, ["explain", "7", "--data-dir", str(folder)])
    assert said.exit_code == 2
    assert "there is no task 7" in said.output


@pytest.mark.sqlite_only
def test_two_recipes_are_compared_and_unknown_ones_are_named(folder: Path) -> None:
    store = open_store(f"sqlite:///{folder / 'trellis.db'}")
    history = History(store)
    for number in range(6):
        key = history.answered(f"thing {number}").key
        made = a_candidate(key, recipe_version=USUAL.version, verdict=a_verdict(0.5 + number / 100))
        store.candidates.record(made)
        better = a_verdict(0.7 + number / 50)
        store.candidates.record(replace(made, recipe="strict", is_idle=True, verdict=better))
    store.close()
    said = CliRunner().invoke(app, ["experiment", "usual", "strict", "--data-dir", str(folder)])
    assert said.exit_code == 0, said.output
    assert "local score, paired by prompt: strict@" in said.output
    assert "is better" in said.output
    told = CliRunner().invoke(app, ["experiment", "usual", "strict", "--json", "--data-dir", str(folder)])
    assert json.loads(told.output)["estimate"]["difference"] == pytest.approx(0.225)
    wrong = CliRunner().invoke(app, ["experiment", "usual", "other", "--data-dir", str(folder)])
    assert wrong.exit_code == 2
    assert "there is no recipe 'other'" in wrong.output
    one = CliRunner().invoke(app, ["experiment", "usual", "--data-dir", str(folder)])
    assert one.exit_code == 2
    assert "name two different recipes" in one.output
