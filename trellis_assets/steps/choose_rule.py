"""Choose the rule by which a task is mined: the policy of the settings, or what it falls back to."""

from dataclasses import dataclass
from typing import Protocol

from trellis_assets.domain.learning.candidate_rules import CandidateRule, FixedRule
from trellis_assets.domain.learning.policy import policy_in_force
from trellis_assets.domain.learning.recipes import USUAL
from trellis_assets.domain.learning.wanted_policy import PolicyName, WantedPolicy
from trellis_assets.domain.tasks import Task
from trellis_assets.ports import RecipeSource


class RuleSource(Protocol):
    """The policy in force."""

    def for_task(self, task: Task) -> CandidateRule:
        """Return the policy as it holds for the task."""
        ...


class SingleRule:
    """One candidate for every task."""

    def for_task(self, task: Task) -> CandidateRule:  # noqa: ARG002 - the protocol's
        """Return the rule of `single`."""
        return FixedRule(str(PolicyName.SINGLE), 1, USUAL.name)


@dataclass(frozen=True, slots=True)
class ChooseRuleStep:
    """Find the rule for a task.

    Attributes:
        wanted: by the settings.
        judges: whether a local validator scores models.
        least_score: of a model that is submitted.
        recipes: the first one is what fixed rules use.
    """

    wanted: WantedPolicy
    judges: bool
    least_score: float
    recipes: RecipeSource

    def for_task(self, task: Task) -> CandidateRule:  # noqa: ARG002 - of the learnt policy
        """Return the policy as it holds for the task."""
        found = policy_in_force(self.wanted.name, judges=self.judges, accepted=0, rejected=0)
        is_several = found.policy is PolicyName.BEST_OF_N
        return FixedRule(
            policy=self.wanted.label if is_several else str(PolicyName.SINGLE),
            count=self.wanted.count if is_several else 1,
            recipe=self.recipes.current()[0].name,
            least_score=self.least_score,
            is_judged=is_several,
            fallback=found.why or None,
        )
