"""Learn from the store what validators accept and what recipes make, and keep it for all processes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trellis_assets.domain.candidates import StoredBeliefs
from trellis_assets.domain.learning.candidate_rules import CandidateRule
from trellis_assets.domain.learning.evidence import learn
from trellis_assets.domain.learning.learned_rule import learned_rule
from trellis_assets.domain.learning.learnt import AFTER_TASKS, Learnt, as_json, from_json, is_outdated
from trellis_assets.domain.learning.policy import policy_in_force
from trellis_assets.domain.learning.settled_tasks import Record, SettledTask, record_of
from trellis_assets.domain.learning.wanted_policy import PolicyName
from trellis_assets.domain.tasks import Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, RecipeSource, Store, StoreError

# Enough for every validator and recipe, few enough to learn from in a tenth of a second.
MOST_TASKS, MOST_CANDIDATES = 2000, 3000
# The acceptance's prior is drawn to the data in so many rounds.
ROUNDS = 3
NOTHING_LEARNT = "no task was settled yet: single is used until then"


@dataclass(frozen=True, slots=True)
class LearnStep:
    """Learn from the newest tasks and candidates; say what follows for a task.

    Attributes:
        endpoints: of the generator: recipes that none of them may make are left out.
    """

    store: Store
    clock: Clock
    recipes: RecipeSource
    endpoints: Sequence[str]

    def run(self) -> Learnt | None:
        """Learn anew, store it and return it; None while there is no settled task with a model.

        It is made from the store alone: whenever it runs on the same rows it learns the same.
        """
        now = self.clock.now()
        tasks = self.store.settled.newest(MOST_TASKS)
        if not tasks:
            return None
        scores = self.store.candidates.scores(MOST_CANDIDATES)
        record = record_of(
            tasks,
            candidates=scores,
            recipes=self._labels(),
            gpus=len(self.endpoints),
            now_s=now.timestamp(),
        )
        found = _learnt(record, tasks)
        self.store.beliefs.save(StoredBeliefs(now, found.newest_task, as_json(found)))
        audit(
            "learnt",
            answers=found.accepted + found.rejected,
            candidates=found.candidates,
            validators=len(found.hotkeys),
            recipes=len(found.recipes),
        )
        return found

    def run_if_due(self) -> bool:
        """Learn anew if enough was settled since; return whether it did.

        For the end of a run, where nobody waits. A store that fails is not waited for.
        """
        try:
            stored = self.store.beliefs.newest()
            if stored is not None:
                age_s = (self.clock.now() - stored.learnt_at).total_seconds()
                settled = self.store.beliefs.settled_since(stored.learnt_at, AFTER_TASKS)
                if not is_outdated(settled, age_s):
                    return False
            return self.run() is not None
        except StoreError as error:
            audit("not learnt", level=logging.WARNING, reason=str(error))
            return False

    def lacks(self) -> str:
        """Return what the learnt policy lacks; nothing where it is in force."""
        stored = self.store.beliefs.newest()
        learnt = from_json(stored.content) if stored is not None else None
        return NOTHING_LEARNT if learnt is None else _lacks(learnt)

    def rule(self, task: Task, *, most: int, least_score: float) -> tuple[CandidateRule | None, str]:
        """Return the learnt policy for the task, or None and what it lacks."""
        stored = self.store.beliefs.newest()
        learnt = from_json(stored.content) if stored is not None else None
        if learnt is None or not set(self._labels()) <= learnt.recipes:
            # Nothing yet, or the recipes were edited.
            learnt, stored = self.run(), None
        if learnt is None:
            return None, NOTHING_LEARNT
        if lacks := _lacks(learnt):
            return None, lacks
        learnt_at = stored.learnt_at if stored is not None else self.clock.now()
        return learned_rule(learnt, task, most=most, least_score=least_score, learnt_at=learnt_at), ""

    def _labels(self) -> list[str]:
        """Return the labels of recipes that an endpoint may make; of all where none may."""
        recipes = self.recipes.current()
        usable = [recipe for recipe in recipes if any(recipe.may_use(name) for name in self.endpoints)]
        return [recipe.label for recipe in usable or recipes]


def _lacks(learnt: Learnt) -> str:
    found = policy_in_force(
        PolicyName.LEARNED, judges=True, accepted=learnt.accepted, rejected=learnt.rejected
    )
    return found.why


def _learnt(record: Record, tasks: Sequence[SettledTask]) -> Learnt:
    beliefs = learn(record.evidence)
    for _ in range(ROUNDS - 1):
        beliefs = learn(record.evidence, beliefs)
    accepted = int(record.evidence.answers.accepted.sum())
    stakes = {task.validator: task.stake for task in tasks}
    return Learnt(
        beliefs=beliefs,
        hotkeys=record.hotkeys,
        mean_stake=float(np.mean(np.maximum(list(stakes.values()), 0.0))),
        accepted=accepted,
        rejected=len(record.evidence.answers) - accepted,
        candidates=len(record.evidence.scores.scores),
        newest_task=max(task.key for task in tasks),
    )
