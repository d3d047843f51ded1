"""Health checks of the recipes: whether the file can be used, and whether each has an endpoint."""

from trellis_assets.adapters.recipes_file import read_recipes
from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.learning.recipe_use import endpoints_of
from trellis_assets.settings import SettingsError

PART = "recipes"


def check_recipes(context: CheckContext) -> list[CheckResult]:
    """Return whether the recipes can be used, and a result for each that no endpoint may make."""
    try:
        recipes = read_recipes(context.settings.generation.recipes_file)
    except SettingsError as error:
        advice = "correct the file: until then the last recipes that could be read are used"
        return [CheckResult(PART, Health.FAILED, str(error), advice)]
    endpoints = context.pipeline.generator.endpoints
    alone = [recipe for recipe in recipes if not endpoints_of(recipe, endpoints)]
    named = ", ".join(recipe.label for recipe in recipes)
    if not alone:
        return [CheckResult(PART, Health.OK, named)]
    return [
        CheckResult(
            PART,
            Health.WARNING,
            f"no endpoint may make {recipe.name}: it names {', '.join(recipe.endpoints)}",
            f"name one of {', '.join(endpoints)} in its endpoints, or remove the recipe",
        )
        for recipe in alone
    ]
