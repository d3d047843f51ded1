"""Recipes from a file: an edit counts without a restart, and a broken one loses nothing."""

import logging
from pathlib import Path

import pytest

from trellis_assets.adapters.recipes_file import MAX_FILE_BYTES, RecipesFile, read_recipes, shipped_recipes
from trellis_assets.settings import SettingsError

ONE = '[[recipe]]\nname = "one"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "recipes.toml"
    file.write_text(ONE)
    return file


def test_an_edit_counts_at_the_next_read(path: Path) -> None:
    recipes = RecipesFile(path)
    assert [recipe.name for recipe in recipes.current()] == ["one"]
    path.write_text(ONE + '[[recipe]]\nname = "second"\n')
    assert [recipe.name for recipe in recipes.current()] == ["one", "second"]


def test_a_broken_edit_changes_nothing_and_is_logged_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipes = RecipesFile(path)
    before = recipes.current()
    path.write_text("[[recipe]]\nname = 3\n")
    with caplog.at_level(logging.ERROR):
        assert recipes.current() is before
        assert recipes.current() is before
    assert caplog.text.count("recipes not read") == 1
    path.write_text(ONE.replace("one", "mended"))
    assert [recipe.name for recipe in recipes.current()] == ["mended"]


def test_a_new_process_with_a_broken_file_uses_the_shipped_recipes(tmp_path: Path) -> None:
    assert RecipesFile(tmp_path / "missing.toml").current() == shipped_recipes()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[[recipe]]\nname = 3\n", "recipe 1 needs a name"),
        (b"\xff\xfe", "not UTF-8"),
        (b"#" * (MAX_FILE_BYTES + 1), "bytes: shorten it"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_setting(path: Path, data: bytes, said: str) -> None:
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=said) as refused:
        read_recipes(path)
    assert "TRELLIS_RECIPES_FILE" in str(refused.value)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_recipes(path.parent)
