"""Exploration while idle: recipes are tried on past prompts, within a budget, with local scores only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trellis_assets.domain.learning.recipe_use import not_followed
from trellis_assets.domain.learning.recipes import Recipe

HOUR_S = 3600.0
LEAST_RECIPES = 2
# Candidates made while idle have seeds of their own: none is a seed that the task itself used.
FIRST_IDLE_SEED = 1_000


@dataclass(frozen=True, slots=True)
class PastPrompt:
    """A settled task whose prompt is still stored.

    Attributes:
        key: of the task.
        tried: versions of the recipes that its candidates were made by, idle or not, and how many times each.
        next_number: of the next candidate that is made while idle.
    """

    key: int
    tried: Mapping[str, int] = field(default_factory=dict)
    next_number: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """A recipe to be tried on a past prompt."""

    prompt: PastPrompt
    recipe: Recipe


@dataclass(slots=True)
class ExplorationReport:
    """What a run of exploration did.

    Attributes:
        scored: local scores by recipe.
        failed: trials that came to no score, by reason.
        left: trials that were not reached.
        stopped_by: why; None if every trial was reached.
    """

    scored: dict[str, list[float]] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    left: int = 0
    stopped_by: str | None = None

    @property
    def made(self) -> int:
        """Return how many candidates have a score."""
        return sum(len(scores) for scores in self.scored.values())


def trials(prompts: Sequence[PastPrompt], recipes: Sequence[Recipe]) -> list[Trial]:
    """Return what is left to try: each recipe once on each prompt, pairs first.

    Prompts that most recipes were tried on come first, so that two recipes soon have scores of the same
    prompts (see `experiment`); among these the newest. With one recipe there is nothing to compare, and so
    nothing to try. A recipe that no endpoint followed counts as tried.

    Examples:
        >>> usual, strict = Recipe("usual"), Recipe("strict", phrase="{prompt}, one object")
        >>> prompts = [PastPrompt(1), PastPrompt(2, {usual.version: 1}, 1)]
        >>> [(trial.prompt.key, trial.recipe.name) for trial in trials(prompts, [usual, strict])]
        [(2, 'strict'), (1, 'usual'), (1, 'strict')]
    """
    if len(recipes) < LEAST_RECIPES:
        return []
    wanted = {recipe.version for recipe in recipes}
    ordered = sorted(prompts, key=lambda prompt: (-len(wanted & prompt.tried.keys()), -prompt.key))
    found = []
    for prompt in ordered:
        number = prompt.next_number
        for recipe in recipes:
            if prompt.tried.keys().isdisjoint({recipe.version, not_followed(recipe).version}):
                found.append(Trial(PastPrompt(prompt.key, prompt.tried, number), recipe))
                number += 1
    return found


def budget_s(share: float, *, endpoints: int, mined_s: float, explored_s: float) -> float:
    """Return the seconds of endpoints that may still be spent: a share of the last hour's idle time.

    Args:
        share: of the idle time, 0..1.
        endpoints: how many there are.
        mined_s: of the last hour, spent on tasks.
        explored_s: of the last hour, spent on exploration.

    Examples:
        >>> budget_s(0.2, endpoints=1, mined_s=1600.0, explored_s=100.0)
        300.0
    """
    return max(0.0, share * max(0.0, endpoints * HOUR_S - mined_s) - explored_s)
