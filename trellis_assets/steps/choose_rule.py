"""Choose the rule by which a task is mined: the policy of the settings, or what it falls back to."""

import logging
from dataclasses import dataclass
from typing import Protocol

from trellis_assets.domain.learning.candidate_rules import CandidateRule, FixedRule
from trellis_assets.domain.learning.policy import CONTROL_SHARE, is_control
from trellis_assets.domain.learning.recipes import USUAL
from trellis_assets.domain.learning.wanted_policy import PolicyName, WantedPolicy
from trellis_assets.domain.tasks import Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import RecipeSource, StoreError


class RuleSource(Protocol):
    """The policy in force."""

    def for_task(self, task: Task) -> CandidateRule:
        """Return the policy as it holds for the task."""
        ...


class LearnedRules(Protocol):
    """What was learnt, as a policy."""

    def rule(self, task: Task, *, most: int, least_score: float) -> tuple[CandidateRule | None, str]:
        """Return the learnt policy for the task, or None and what it lacks."""
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
        learned: what was learnt; None where the settings want another policy.
    """

    wanted: WantedPolicy
    judges: bool
    least_score: float
    recipes: RecipeSource
    learned: LearnedRules | None = None

    def for_task(self, task: Task) -> CandidateRule:
        """Return the policy as it holds for the task."""
        wanted = self.wanted.name
        if wanted is PolicyName.SINGLE:
            return self._fixed(1)
        if not self.judges:
            return self._fixed(1, f"{self.wanted.label} needs a local validator: single is used without one")
        if wanted is PolicyName.BEST_OF_N or self.learned is None:
            return self._fixed(self.wanted.count)
        if task.validator_hotkey is None:
            return self._fixed(1, "nobody answers to tasks of the prompt list: single is used for them")
        if is_control(task.key, self.wanted.control_share):
            share = f"{self.wanted.control_share:.0%}"
            return self._fixed(
                1, f"{CONTROL_SHARE}: one of the {share} of tasks that measure what learning gains"
            )
        try:
            rule, lacks = self.learned.rule(task, most=self.wanted.most, least_score=self.least_score)
        except StoreError as error:
            audit("learnt policy not read", task=task, level=logging.WARNING, reason=str(error))
            return self._fixed(1, "what was learnt could not be read")
        return rule if rule is not None else self._fixed(1, lacks)

    def _fixed(self, count: int, fallback: str | None = None) -> FixedRule:
        is_several = self.wanted.name is PolicyName.BEST_OF_N and fallback is None
        return FixedRule(
            policy=self.wanted.label if is_several else str(PolicyName.SINGLE),
            count=count,
            recipe=self.recipes.current()[0].name,
            least_score=self.least_score,
            is_judged=is_several and count > 1,
            fallback=fallback,
        )
