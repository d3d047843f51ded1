"""A recipe put to an endpoint, and whether the endpoint followed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trellis_assets.domain.generation_requests import ENDPOINTS_OWN, MAX_PROMPT, Route, Sampling
from trellis_assets.domain.generation_settings import FORM_NAMES, UsedSettings, asked_values
from trellis_assets.domain.learning.recipes import PLACEHOLDER, Recipe, RecipeRoute
from trellis_assets.domain.tasks import TaskKind

# What a candidate counts as that its endpoint did not make by the recipe: never as the recipe itself.
NOT_FOLLOWED = "-not-followed"
_LONGEST_NAME = 40
_INTEGERS = {"ss_steps", "slat_steps"}


@dataclass(frozen=True, slots=True)
class RecipeRequest:
    """What is sent to an endpoint for a prompt by a recipe.

    Attributes:
        recipe: that it follows.
        prompt: as it is put: words in the recipe's phrase, pictures as they are.
        sampling: settings of the samplers; None in it leaves the endpoint's own.
        route: of words; None leaves the endpoint's own.
        is_phrased: False where the phrase would make the prompt longer than servers take.
    """

    recipe: Recipe
    prompt: str
    sampling: Sampling = ENDPOINTS_OWN
    route: Route | None = None
    is_phrased: bool = True

    @property
    def asks_settings(self) -> bool:
        """Return whether the endpoint has to follow anything besides the prompt."""
        return self.route is not None or bool(asked_values(self.sampling))

    def made_by(self, endpoint: str, used: UsedSettings | None) -> Recipe:
        """Return the recipe that a model was made by: the requested one only where that is certain.

        Args:
            endpoint: that made it.
            used: what the endpoint says it used; None where it says nothing.
        """
        is_followed = self.recipe.may_use(endpoint) and self.is_phrased
        if self.asks_settings:
            is_followed = is_followed and used is not None and used.is_as_asked(self.sampling, self.route)
        return self.recipe if is_followed else not_followed(self.recipe, is_phrased=self.is_phrased)


def request_by(recipe: Recipe, prompt: str, kind: TaskKind) -> RecipeRequest:
    """Return what to send for a prompt: phrase and route are of words, sampler settings of both kinds."""
    by_form_name = {form_name: name for name, form_name in FORM_NAMES.items()}
    values = {by_form_name[key]: value for key, value in recipe.sampler.items()}
    sampling = Sampling(**{key: int(v) if key in _INTEGERS else v for key, v in values.items()})  # type: ignore[arg-type]
    if kind is not TaskKind.TEXT:
        return RecipeRequest(recipe, prompt, sampling)
    route = None if recipe.route is RecipeRoute.ANY else Route(recipe.route)
    words = recipe.words(prompt)
    is_phrased = len(words) <= MAX_PROMPT or words == prompt
    return RecipeRequest(recipe, words if is_phrased else prompt, sampling, route, is_phrased)


def not_followed(recipe: Recipe, *, is_phrased: bool = True) -> Recipe:
    """Return what a candidate counts as whose endpoint did not follow the recipe: a name of its own."""
    name = recipe.name[: _LONGEST_NAME - len(NOT_FOLLOWED)] + NOT_FOLLOWED
    # With the recipe's version in it: what two recipes did not get is not one and the same.
    marked = (f"not as {recipe.version}",)
    return Recipe(name, phrase=recipe.phrase if is_phrased else PLACEHOLDER, endpoints=marked)


def endpoints_of(recipe: Recipe, endpoints: Sequence[str]) -> list[str]:
    """Return the endpoints that may make the recipe, in their order.

    Examples:
        >>> endpoints_of(Recipe("fast", endpoints=("gpu-1/*",)), ["gpu-1/a", "gpu-2/a"])
        ['gpu-1/a']
    """
    return [endpoint for endpoint in endpoints if recipe.may_use(endpoint)]


def described(recipe: Recipe, made_at: Sequence[str]) -> dict[str, Any]:
    """Return the recipe for people and JSON.

    Args:
        recipe: to describe.
        made_at: endpoints that may make it.
    """
    return {
        "name": recipe.name,
        "version": recipe.version,
        "phrase": recipe.phrase,
        "route": str(recipe.route),
        "sampler": dict(recipe.sampler),
        "endpoints": list(recipe.endpoints),
        "made_at": list(made_at),
    }
