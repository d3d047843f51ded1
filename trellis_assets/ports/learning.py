"""Recorded tasks, for learning, and the recipes that candidates are made by."""

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from trellis_assets.domain.learning.recipes import USUAL, Recipe
from trellis_assets.domain.learning.recorded import PolicyOutcome, RecordedCandidate, RecordedModel

if TYPE_CHECKING:
    # Its module imports scipy, which every process with ports would then wait for.
    from trellis_assets.domain.learning.settled_tasks import SettledTask


class RecipeSource(Protocol):
    """The recipes in force."""

    def current(self) -> tuple[Recipe, ...]:
        """Return the recipes, at least one: the first is the usual one."""
        ...


class UsualRecipe:
    """The one recipe that changes nothing."""

    def current(self) -> tuple[Recipe, ...]:
        """Return it."""
        return (USUAL,)


ONE_RECIPE: RecipeSource = UsualRecipe()


class SettledTaskRepository(Protocol):
    """What became of tasks, without their prompts."""

    def newest(self, limit: int, *, before_key: int | None = None) -> "list[SettledTask]":
        """Return the newest settled tasks of validators that have a model, oldest first.

        Args:
            limit: of tasks.
            before_key: only tasks with a smaller key; None: all.
        """
        ...

    def get(self, key: int) -> "SettledTask":
        """Return one task, settled or not.

        Raises:
            StoreError: there is no such task.
        """
        ...


class LearningQueries(Protocol):
    """What was recorded until a moment (aware UTC, excluded), for the pages of what is learnt.

    Rows come oldest first; `newest` bounds their number.
    """

    def settled(self, until: datetime, newest: int) -> "list[SettledTask]":
        """Return settled tasks of validators that have a model."""
        ...

    def candidates(self, until: datetime, newest: int) -> list[RecordedCandidate]:
        """Return candidates, submitted or not."""
        ...

    def models(self, until: datetime, newest: int) -> list[RecordedModel]:
        """Return the models of settled tasks whose outcome is known."""
        ...

    def policies(self, until: datetime, newest: int) -> list[PolicyOutcome]:
        """Return by which policy settled tasks were mined, and what came of them."""
        ...
