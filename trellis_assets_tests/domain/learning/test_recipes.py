"""Recipes: what is refused, and a version that follows the content."""

from importlib.resources import files

import pytest

from trellis_assets.domain.learning.recipes import Recipe, RecipeError, RecipeRoute, parse_recipes

FULL = """
[[recipe]]
name = "strict"
phrase = "{prompt}, one object"
route = "picture"
endpoints = ["gpu-*"]
[recipe.sampler]
slat_sampling_steps = 20
"""


def test_the_shipped_recipes_are_valid_and_the_first_changes_nothing() -> None:
    text = files("trellis_assets.resources").joinpath("recipes.toml").read_text(encoding="utf-8")
    (usual,) = parse_recipes(text)
    assert usual.words("a red vase") == "a red vase"
    assert usual.may_use("anything")
    assert not usual.sampler


def test_a_full_recipe_is_read() -> None:
    (recipe,) = parse_recipes(FULL)
    assert recipe.words("a {car}") == "a {car}, one object"
    assert recipe.route is RecipeRoute.PICTURE
    assert recipe.sampler == {"slat_sampling_steps": 20.0}
    assert recipe.may_use("gpu-2")
    assert not recipe.may_use("cpu")


def test_the_version_follows_the_content_and_not_the_name() -> None:
    (recipe,) = parse_recipes(FULL)
    (renamed,) = parse_recipes(FULL.replace("strict", "other"))
    (changed,) = parse_recipes(FULL.replace("20", "21"))
    assert recipe.version == renamed.version != changed.version
    assert len({Recipe("a").version, Recipe("a", route=RecipeRoute.DIRECT).version}) == 2


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "1 to 32"),
        ("[[recipe", "not valid TOML"),
        ("other = 1\n" + FULL, "'other'"),
        ("recipe = 3", "1 to 32"),
        ("recipe = [3]", "not a table"),
        (FULL + FULL, "rename"),
        (FULL.replace("strict", "St rict"), "name"),
        (FULL.replace("{prompt}, ", ""), "phrase"),
        (FULL.replace("one object", "{prompt}"), "phrase"),
        (FULL.replace("one object", "\\u0000"), "control characters"),
        (FULL.replace('"picture"', '"by air"'), "route"),
        (FULL.replace('["gpu-*"]', "[]"), "endpoints"),
        (FULL.replace("slat_sampling_steps", "temperature"), "temperature"),
        (FULL.replace("= 20", "= 1e9"), "from 1 to 200"),
        (FULL.replace("= 20", "= 20.5"), "whole"),
        (FULL.replace("= 20", "= true"), "number"),
        (FULL.replace("= 20", "= nan"), "number"),
        (FULL.replace("phrase", "phrases"), "phrases"),
    ],
)
def test_what_is_no_recipe_is_refused_with_what_to_do(text: str, word: str) -> None:
    with pytest.raises(RecipeError, match=word):
        parse_recipes(text)
