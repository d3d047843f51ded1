"""A recipe put to an endpoint: what is sent, and when a model counts as made by it."""

import pytest

from trellis_assets.domain.generation_requests import MAX_PROMPT, Route, Sampling
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.learning.recipe_use import not_followed, request_by
from trellis_assets.domain.learning.recipes import USUAL, Recipe, RecipeRoute
from trellis_assets.domain.tasks import TaskKind

STRICT = Recipe(
    "strict",
    phrase="{prompt}, one object",
    route=RecipeRoute.PICTURE,
    sampler={"ss_sampling_steps": 20.0, "slat_guidance_strength": 5.5},
)
USED = UsedSettings(Sampling(ss_steps=20, ss_guidance=7.5, slat_steps=14, slat_guidance=5.5), Route.PICTURE)


def test_words_are_phrased_and_pictures_are_sent_as_they_are() -> None:
    words = request_by(STRICT, "a red vase", TaskKind.TEXT)
    assert (words.prompt, words.route) == ("a red vase, one object", Route.PICTURE)
    assert words.sampling == Sampling(ss_steps=20, slat_guidance=5.5)
    picture = request_by(STRICT, "iVBOR", TaskKind.IMAGE)
    assert (picture.prompt, picture.route) == ("iVBOR", None)
    assert picture.sampling == words.sampling


@pytest.mark.parametrize(
    "used",
    [
        None,
        UsedSettings(),
        UsedSettings(USED.sampling, Route.DIRECT),
        UsedSettings(Sampling(ss_steps=25, slat_guidance=5.5), Route.PICTURE),
    ],
)
def test_a_model_counts_as_the_recipes_only_where_the_endpoint_says_so(used: UsedSettings | None) -> None:
    wanted = request_by(STRICT, "a red vase", TaskKind.TEXT)
    assert wanted.made_by("gpu-1", USED) is STRICT
    made = wanted.made_by("gpu-1", used)
    assert made.name == "strict-not-followed"
    assert made.version not in {STRICT.version, USUAL.version}, "its words were phrased all the same"


def test_an_endpoint_that_says_nothing_follows_a_recipe_of_words_alone() -> None:
    phrased = Recipe("phrased", phrase="{prompt}, one object", endpoints=("gpu-*",))
    wanted = request_by(phrased, "a red vase", TaskKind.TEXT)
    assert wanted.made_by("gpu-1", None) is phrased
    assert wanted.made_by("cpu", None).name == "phrased-not-followed", "an endpoint that it does not name"
    assert request_by(USUAL, "a red vase", TaskKind.TEXT).made_by("gpu-1", None) is USUAL


def test_a_prompt_that_the_phrase_would_make_too_long_is_sent_bare_and_not_counted() -> None:
    phrased = Recipe("phrased", phrase="{prompt}, one object")
    wanted = request_by(phrased, "x" * MAX_PROMPT, TaskKind.TEXT)
    assert wanted.prompt == "x" * MAX_PROMPT
    assert wanted.made_by("gpu-1", None) == not_followed(phrased, is_phrased=False)


def test_the_name_of_a_recipe_that_was_not_followed_stays_within_bounds() -> None:
    assert len(not_followed(Recipe("a" * 40)).name) == 40
