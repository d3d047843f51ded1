"""Compare two recipes by the candidates that the store remembers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from trellis_assets.domain.learning.recipe_experiment import RecipeExperiment, compare
from trellis_assets.domain.learning.recorded import RecordedCandidate
from trellis_assets.ports import Clock, LearningQueries, RecipeSource

# Enough for hundreds of pairs.
MOST_CANDIDATES = 5_000
_BOTH = 2


class UnknownRecipeError(ValueError):
    """No two such recipes can be compared; says what to name."""


@dataclass(frozen=True, slots=True)
class CompareRecipesStep:
    """Reads the store alone.

    Attributes:
        recipes: a bare name means the version in force, where the recipe is in force.
    """

    recorded: LearningQueries
    recipes: RecipeSource
    clock: Clock

    def run(self, names: Sequence[str]) -> RecipeExperiment:
        """Return how the second recipe compares with the first.

        Args:
            names: two, each a name or `name@version`.

        Raises:
            UnknownRecipeError: not two, or one that is neither in force nor recorded.
        """
        if len(names) != _BOTH or names[0] == names[1]:
            raise UnknownRecipeError("name two different recipes: see `trellis-assets recipes`")
        until = self.clock.now() + timedelta(seconds=1)
        candidates = self.recorded.candidates(until, MOST_CANDIDATES)
        first, second = (self._label(name, candidates) for name in names)
        return compare(candidates, first, second)

    def _label(self, name: str, candidates: Sequence[RecordedCandidate]) -> str:
        in_force = {recipe.name: recipe.label for recipe in self.recipes.current()}
        if name in in_force:
            return in_force[name]
        labels = [each.label for each in reversed(candidates)]
        found = next((label for label in labels if name in {label, label.partition("@")[0]}), None)
        if found is None:
            known = ", ".join(dict.fromkeys([*in_force, *labels]))
            raise UnknownRecipeError(f"there is no recipe {name!r:.60}: name one of {known}")
        return found
