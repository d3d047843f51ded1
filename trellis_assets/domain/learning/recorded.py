"""What the store remembers of candidates, models and policies, as far as learning pages look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from trellis_assets.domain.learning.recipe_use import NOT_FOLLOWED

NO_PARTS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RecordedCandidate:
    """A candidate, submitted or not.

    Attributes:
        task_key: the task; of an idle candidate the past task whose prompt was used.
        kind: of prompt.
        recipe, version: that made it.
        score: local score; None where it was not validated.
        is_valid: it has no problem and failed no data check.
        made_s: seconds of the endpoint and of the local validator.
        endpoint: that made it.
        is_idle: made on a past prompt while nothing was mined.
        number: in the order in which the task's candidates were begun.
        is_accepted: whether the task's result was accepted; None where that is not known (yet).
    """

    task_key: int
    kind: str
    recipe: str
    version: str
    score: float | None
    is_valid: bool
    made_s: float
    endpoint: str | None = None
    is_idle: bool = False
    number: int = 0
    is_accepted: bool | None = None

    @property
    def is_followed(self) -> bool:
        """Return whether its endpoint followed the recipe."""
        return not self.recipe.endswith(NOT_FOLLOWED)

    @property
    def label(self) -> str:
        """Return name and version, as `Recipe.label`."""
        return f"{self.recipe}@{self.version}"


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """A settled task's model, for what fails and why.

    Attributes:
        kind: of prompt.
        prompt: its words; empty for a picture.
        splat_count: of the model.
        is_accepted: by the validator; False where it was rejected or not submitted.
        parts: of the local score, 0 to 1.
    """

    key: int
    kind: str
    prompt: str
    splat_count: int
    is_accepted: bool
    parts: Mapping[str, float] = field(default_factory=lambda: NO_PARTS)


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """How a settled task was mined, and what came of it.

    Attributes:
        policy: in force when it was decided.
        fallback: why another policy was in force than the one that was set; empty where it was.
        is_accepted: by the validator.
    """

    key: int
    policy: str
    fallback: str
    is_accepted: bool
