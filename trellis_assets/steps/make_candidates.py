"""Make a task's candidates, one after the other or at once, until the rule in force says what to do."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from trellis_assets.domain.candidates import StoredCandidate, StoredDecision
from trellis_assets.domain.endpoints.selection import free_endpoints
from trellis_assets.domain.heartbeats import Stage
from trellis_assets.domain.learning.candidate_rules import CandidateRule, next_number
from trellis_assets.domain.learning.recipes import Recipe
from trellis_assets.domain.learning.search import Move
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    Clock,
    FileStore,
    GenerationError,
    RecipeSource,
    Store,
    StoredFileError,
)
from trellis_assets.steps.generate_with_failover import GenerateWithFailoverStep, Made
from trellis_assets.steps.judge_model import JudgeModelStep
from trellis_assets.steps.store_model import StoreModelStep
from trellis_assets.steps.store_retry import retry_store
from trellis_assets.system.stages import enter_stage


@dataclass(frozen=True, slots=True)
class MakeCandidatesStep:
    """Make candidates of a task and judge them, as the rule says; continue with those of a killed run.

    Each candidate has its row as soon as its file is written. A candidate that was begun and never stored is
    made again under its number, with its recipe and seed.

    Attributes:
        generate: makes a model at a free endpoint.
        keep: stores a model as a candidate.
        judge: scores candidates; None where models are not validated.
    """

    store: Store
    files: FileStore
    clock: Clock
    generate: GenerateWithFailoverStep
    keep: StoreModelStep
    judge: JudgeModelStep | None
    recipes: RecipeSource

    def run(
        self, task: Task, rule: CandidateRule, run_id: str
    ) -> tuple[StoredDecision, list[StoredCandidate]]:
        """Return the decision to submit or to hand back, which is not stored yet, and all candidates.

        Raises:
            GenerationError: no model could be made, and there is none from before.
            ClaimLostError: another run took over meanwhile.
        """
        made, begun = self._before(task)
        stopped: str | None = None
        while True:
            batch, begun = begun, []
            if not batch:
                decision = rule.decide(task, made, self.clock.now(), stopped=stopped)
                if decision.move != Move.GENERATE:
                    return decision, made
                batch = self._batch(task, made, rule, decision)
            stopped = self._make(task, batch, made, rule, run_id)

    def _before(self, task: Task) -> tuple[list[StoredCandidate], list[StoredDecision]]:
        """Return the candidates that earlier runs of the task made, and those that they only began."""
        if task.state is TaskState.PULLED and task.attempt == 0 and task.generation is None:
            return [], []  # no run has had it
        made = [self._verified(candidate) for candidate in self.store.candidates.of_task(task.key)]
        stored, begun = {candidate.number for candidate in made}, list[StoredDecision]()
        for decision in reversed(self.store.decisions.of_task(task.key)):
            if decision.move != Move.GENERATE:
                break
            if decision.candidate is not None and decision.candidate not in stored:
                begun.insert(0, decision)
        if made:
            audit("continued with candidates", task=task, made=len(made), begun=len(begun))
        return made, begun

    def _verified(self, candidate: StoredCandidate) -> StoredCandidate:
        """Return the candidate, with a problem if its file is lost."""
        if not candidate.is_usable or candidate.spz is None:
            return candidate
        try:
            self.files.read(candidate.spz)
        except StoredFileError as error:
            return self.store.candidates.mark_unusable(candidate, str(error), self.clock.now())
        return candidate

    def _batch(
        self, task: Task, made: Sequence[StoredCandidate], rule: CandidateRule, decision: StoredDecision
    ) -> list[StoredDecision]:
        """Return the decisions to make this candidate, and others beside it; stored where the rule judges.

        A rule that does not judge makes the same candidate again after a kill: its decision need not be kept.
        """
        if not rule.is_judged:
            return [decision]
        now = self.clock.now()
        spare = self._spare_endpoints(task)
        count = rule.simultaneous(task, made, now, spare=spare) if spare else 1
        first = next_number(made)
        reason = decision.reason if count == 1 else f"{decision.reason}; {count} at once"
        return [
            self.store.decisions.record(replace(decision, candidate=first + more, reason=reason))
            for more in range(count)
        ]

    def _spare_endpoints(self, task: Task) -> int:
        """Count endpoints that are free beside the one that the task uses anyway; 0 while a task waits."""
        names = self.generate.generator.endpoints
        if len(names) == 1:
            return 0
        now = self.clock.now()
        spare = len(free_endpoints(self.store.endpoints.named(names), now, ())) - 1
        if spare < 1 or not self.store.slots.is_next_in_line(task.key, now, is_extra=True):
            return 0
        return spare

    def _make(
        self,
        task: Task,
        batch: Sequence[StoredDecision],
        made: list[StoredCandidate],
        rule: CandidateRule,
        run_id: str,
    ) -> str | None:
        """Add what is made to the candidates; return why one was not, or None.

        Raises:
            GenerationError: nothing could be made, and there is no usable candidate.
        """
        failure: GenerationError | None = None
        for number, outcome in self._generated(task, batch, made, run_id):
            if isinstance(outcome, GenerationError):
                audit("no candidate", task=task, level=logging.WARNING, number=number, reason=str(outcome))
                failure = outcome
            else:
                made.append(self._kept(task, number, outcome, rule))
        made.sort(key=lambda candidate: candidate.number)
        if failure is None:
            return None
        if any(candidate.is_usable for candidate in made):
            return str(failure)
        raise failure

    def _generated(
        self, task: Task, batch: Sequence[StoredDecision], made: Sequence[StoredCandidate], run_id: str
    ) -> Iterator[tuple[int, Made | GenerationError]]:
        """Yield each candidate's model, or why there is none, as they are ready."""
        has_one = any(candidate.is_usable for candidate in made)
        if len(batch) == 1:
            yield self._generate(task, batch[0], run_id, is_extra=has_one)
            return
        with ThreadPoolExecutor(len(batch), "candidate") as pool:
            futures = [
                pool.submit(self._generate, task, decision, run_id, is_extra=has_one or index > 0)
                for index, decision in enumerate(batch)
            ]
            for future in as_completed(futures):
                yield future.result()
                enter_stage(Stage.GENERATING)  # the others still do

    def _generate(
        self, task: Task, decision: StoredDecision, run_id: str, *, is_extra: bool
    ) -> tuple[int, Made | GenerationError]:
        number = decision.candidate or 0
        try:
            return number, self.generate.run(task, run_id, number, self._recipe(decision), is_extra=is_extra)
        except GenerationError as error:
            return number, error

    def _recipe(self, decision: StoredDecision) -> Recipe:
        """Return the decision's recipe, or the usual one where it is gone from the recipes meanwhile."""
        recipes = self.recipes.current()
        return next((recipe for recipe in recipes if recipe.name == decision.recipe), recipes[0])

    def _kept(self, task: Task, number: int, model: Made, rule: CandidateRule) -> StoredCandidate:
        candidate = self.keep.run(task, number, model)
        if not rule.is_judged and candidate.problem is None:
            return candidate  # stored in the transaction that makes it the task's
        candidate = retry_store(
            self.clock, lambda: self.store.candidates.record(candidate), task=task, what="the candidate"
        )
        if self.judge is None or not candidate.is_usable or candidate.spz is None:
            return candidate
        enter_stage(Stage.VALIDATING)
        verdict, unavailable = self.judge.run(task, self.files.read(candidate.spz))
        if verdict is None:
            audit("candidate not judged", task=task, level=logging.WARNING, reason=unavailable)
            return candidate
        audit("candidate judged", task=task, candidate=number, score=round(verdict.score, 4))
        return self.store.candidates.judge(candidate, verdict)
