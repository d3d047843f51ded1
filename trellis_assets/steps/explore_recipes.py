"""Try recipes on past prompts while nothing is mined; what is made is judged locally and never submitted."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trellis_assets.domain.endpoints.selection import free_endpoints
from trellis_assets.domain.learning.exploration import (
    FIRST_IDLE_SEED,
    LEAST_RECIPES,
    ExplorationReport,
    Trial,
    budget_s,
    trials,
)
from trellis_assets.domain.learning.recipe_use import endpoints_of, request_by
from trellis_assets.domain.tasks import LEASE, WORKABLE_STATES, Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    Clock,
    FileStore,
    GenerationError,
    Generator,
    RecipeSource,
    Store,
    TellsSettings,
)
from trellis_assets.steps.generate_with_failover import Made, generation_seed
from trellis_assets.steps.judge_model import JudgeModelStep
from trellis_assets.steps.lease_heartbeat import lease_heartbeat
from trellis_assets.steps.store_model import StoreModelStep

WAIT_S, LONGEST_WAIT_S = 2.0, 120.0
# So many trials may fail in a row before a run ends: an endpoint that fails is left alone.
MOST_FAILURES = 3
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ExploreRecipesStep:
    """Make candidates of past prompts by recipes that were not tried on them.

    Attributes:
        keep: stores a model as a candidate.
        judge: scores it; None where models are not validated, so that nothing is explored.
        share: of the idle time of endpoints that may be spent.
    """

    store: Store
    files: FileStore
    clock: Clock
    generator: Generator
    keep: StoreModelStep
    judge: JudgeModelStep | None
    recipes: RecipeSource
    miner_hotkey: str
    share: float

    def busy_with(self) -> str | None:
        """Return which active task this would delay; None if there is none.

        Tasks of other miners count too: they may use the same endpoints.
        """
        active = self.store.tasks.active(None)
        task = next((task for task in active if task.state in WORKABLE_STATES), None)
        return f"task {task.key} is {task.state}" if task else None

    def why_not(self) -> str | None:
        """Return why nothing can be explored now whatever prompts there are; None where something can."""
        if self.judge is None:
            return "models are not validated, and recipes are compared by local scores"
        if len(self.recipes.current()) < LEAST_RECIPES:
            return "there is one recipe: nothing to compare it with"
        if self.share <= 0:
            return "TRELLIS_EXPLORE_SHARE is 0"
        return None

    def left(self, start: datetime, end: datetime) -> list[Trial]:
        """Return what is left to try on prompts of tasks that were generated in start..end (excluded)."""
        prompts = self.store.candidates.past_prompts(self.miner_hotkey, start, end)
        known = self.generator.endpoints
        able = [recipe for recipe in self.recipes.current() if endpoints_of(recipe, known)]
        return trials(prompts, able)

    def budget_s(self) -> float:
        """Return the seconds of endpoints that may be spent now."""
        mined_s, explored_s = self.store.candidates.seconds_since(self.clock.now() - _HOUR)
        return budget_s(
            self.share, endpoints=len(self.generator.endpoints), mined_s=mined_s, explored_s=explored_s
        )

    def run(self, wanted: Sequence[Trial], *, is_bounded: bool = True) -> ExplorationReport:
        """Try these, one after the other; a task that arrives has the endpoint after the trial under way.

        Args:
            wanted: as `left` returned them.
            is_bounded: end when the budget is spent or a task is active; else, for what a person started,
                spend what it takes, and wait up to two minutes for each active task.
        """
        report = ExplorationReport()
        failures = 0
        for position, trial in enumerate(wanted):
            report.stopped_by = self._stopped(failures, is_bounded=is_bounded)
            if report.stopped_by is not None:
                report.left = len(wanted) - position
                break
            problem = self._try(trial, report)
            failures = failures + 1 if problem is not None else 0
            if problem is not None:
                report.failed[problem] += 1
        audit(
            "recipes explored",
            scored=report.made,
            failed=report.failed.total(),
            left=report.left,
            reason=report.stopped_by,
        )
        return report

    def _stopped(self, failures: int, *, is_bounded: bool) -> str | None:
        if (reason := self.why_not()) is not None:
            return reason
        if failures >= MOST_FAILURES:
            return f"{failures} trials failed in a row"
        if is_bounded and self.budget_s() <= 0:
            return "the budget is spent (TRELLIS_EXPLORE_SHARE)"
        waited_s = 0.0
        while (work := self.busy_with()) is not None:
            if is_bounded or waited_s >= LONGEST_WAIT_S:
                return work
            self.clock.sleep(WAIT_S)
            waited_s += WAIT_S
        return None

    def _try(self, trial: Trial, report: ExplorationReport) -> str | None:
        """Return why the trial came to no score; None where it did."""
        task = self.store.tasks.get(trial.prompt.key)
        if not task.prompt:
            return "the prompt is deleted"
        try:
            made = self._made(task, trial)
        except GenerationError as error:
            audit("no idle candidate", task=task, level=logging.WARNING, reason=str(error))
            return f"generation failed: {type(error).__name__}"
        if made is None:
            return "no endpoint of the recipe is free"
        number = trial.prompt.next_number
        candidate = self.keep.run(task, number, made)
        candidate = self.store.candidates.record(replace(candidate, is_idle=True))
        if candidate.spz is None or self.judge is None:
            return candidate.problem or "not judged"
        verdict, unavailable = self.judge.run(task, self.files.read(candidate.spz))
        if verdict is None:
            return unavailable
        self.store.candidates.judge(candidate, verdict)
        report.scored.setdefault(made.recipe.label, []).append(verdict.score)
        return None

    def _made(self, task: Task, trial: Trial) -> Made | None:
        """Return the model; None where no endpoint of the recipe is free.

        A failure is not counted against the endpoint: tasks find out by themselves.

        Raises:
            GenerationError: the endpoint failed.
        """
        now = self.clock.now()
        names = endpoints_of(trial.recipe, self.generator.endpoints)
        free = free_endpoints(self.store.endpoints.named(names), now)
        endpoint = self.store.slots.acquire(free, task.key, now=now, until=now + LEASE) if free else None
        if endpoint is None:
            return None
        held, key = endpoint, task.key
        wanted = request_by(trial.recipe, task.prompt, task.kind)
        seed = generation_seed(task, FIRST_IDLE_SEED + trial.prompt.next_number)
        try:
            with lease_heartbeat(self.clock, lambda until: self.store.slots.extend(held, key, until)):
                splats = self.generator.generate(
                    wanted.prompt,
                    kind=task.kind,
                    seed=seed,
                    endpoint=held,
                    sampling=wanted.sampling,
                    route=wanted.route,
                )
        finally:
            self.store.slots.release(held, key, now=self.clock.now(), outcome=None)
        used = self.generator.used_settings(held) if isinstance(self.generator, TellsSettings) else None
        by = wanted.made_by(held, used)
        return Made(splats, held, seed, now, self.clock.now(), wanted.prompt, by)
