"""Generate a model for a claimed task, and store it; or decide to hand the task back."""

import logging
from dataclasses import dataclass, field

from trellis_assets.domain.candidates import StoredDecision
from trellis_assets.domain.duplicates import Duplicate, Fresh, Reusable, judge_prompt
from trellis_assets.domain.generations import Generation
from trellis_assets.domain.submissions import HandBackReason
from trellis_assets.domain.task_policies import GenerationPolicy
from trellis_assets.domain.tasks import LEASE, Task, TaskState
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    ONE_RECIPE,
    Clock,
    FileStore,
    GenerationError,
    Generator,
    PictureSource,
    RecipeSource,
    SplatCodec,
    Store,
    StoredFileError,
    UnsupportedPromptError,
)
from trellis_assets.steps.choose_rule import RuleSource, SingleRule
from trellis_assets.steps.generate_with_failover import GenerateWithFailoverStep
from trellis_assets.steps.judge_model import JudgeModelStep
from trellis_assets.steps.lease_heartbeat import lease_heartbeat
from trellis_assets.steps.make_candidates import MakeCandidatesStep
from trellis_assets.steps.orient_model import OrientModelStep
from trellis_assets.steps.store_model import StoreModelStep
from trellis_assets.steps.store_retry import retry_store


@dataclass(frozen=True, slots=True)
class GenerateStep:
    """Claim a task, reuse an earlier result of the same prompt or generate one, and store the files.

    Attributes:
        pictures: gives what a model was made from; None where the generator has no such pictures.
        orient: turns models head up; None where the generator knows its own orientation.
        judge: scores candidates; None where models are not validated.
        rules: the policy in force for each task.
        recipes: how candidates are made; the first is the usual one.
    """

    store: Store
    files: FileStore
    codec: SplatCodec
    generator: Generator
    clock: Clock
    policy: GenerationPolicy
    pictures: PictureSource | None = None
    orient: OrientModelStep | None = None
    judge: JudgeModelStep | None = None
    rules: RuleSource = field(default_factory=SingleRule)
    recipes: RecipeSource = ONE_RECIPE

    def run(self, key: int, run_id: str) -> Task | None:
        """Return the task generated, reused or declined; None if another run holds it.

        A task that is past this step is returned as it is.

        Raises:
            ClaimLostError: another run took over meanwhile.
        """
        now = self.clock.now()
        task = self.store.claims.claim(key, run_id, now=now, until=now + LEASE)
        if task is None or task.state not in {TaskState.PULLED, TaskState.GENERATING}:
            return task
        with lease_heartbeat(self.clock, lambda until: self.store.claims.extend(key, run_id, until)):
            return self._decided_by_duplicate(task, run_id) or self._generate(task, run_id)

    def _decline(
        self,
        task: Task,
        run_id: str,
        reason: HandBackReason,
        detail: str = "",
        decision: StoredDecision | None = None,
    ) -> Task:
        text = f"{reason}: {detail}" if detail else str(reason)
        state = TaskState.DECLINED if task.is_harvested else TaskState.FAILED
        declined = self.store.tasks.move(
            task.key, state, now=self.clock.now(), reason=text, decision=decision, run_id=run_id
        )
        audit("task declined", task=declined, level=logging.WARNING, reason=text)
        return declined

    def _decided_by_duplicate(self, task: Task, run_id: str) -> Task | None:
        if task.validator_hotkey is None:
            return None
        earlier = self.store.arrivals.earlier_with_prompt(
            miner_hotkey=task.miner_hotkey,
            validator_hotkey=task.validator_hotkey,
            prompt_sha256=task.prompt_sha256,
            since=self.clock.now() - self.policy.duplicate_window,
            before_key=task.key,
        )
        match judge_prompt(earlier, reuse=self.policy.reuse_duplicates):
            case Fresh():
                return None
            case Duplicate(earlier=first):
                return self._decline(task, run_id, HandBackReason.DUPLICATE, f"of task {first.key}")
            case Reusable(earlier=first):
                return self._reuse(task, first, run_id)

    def _reuse(self, task: Task, earlier: Task, run_id: str) -> Task | None:
        made = earlier.generation
        if made is None:
            return None
        try:
            self.files.read(made.spz)
        except StoredFileError as error:
            audit("earlier result not usable", task=task, level=logging.WARNING, reason=str(error))
            return None
        now = self.clock.now()
        reused = Generation(
            generator=made.generator,
            endpoint=made.endpoint,
            seed=made.seed,
            started_at=now,
            finished_at=now,
            duration_s=0.0,
            splat_count=made.splat_count,
            spz=made.spz,
            ply=made.ply,
            reused_from=earlier.key,
            picture=made.picture,
            cut=made.cut,
        )
        moved = self.store.tasks.move(
            task.key, TaskState.GENERATED, now=now, generation=reused, run_id=run_id
        )
        audit("earlier result reused", task=moved, reused_from=earlier.key)
        return moved

    def _generate(self, task: Task, run_id: str) -> Task:
        if not self.generator.supports(task.kind):
            detail = f"{self.generator.name} takes no {task.kind} prompts"
            return self._decline(task, run_id, HandBackReason.UNSUPPORTED_TASK, detail)
        rule = self.rules.for_task(task)
        try:
            decision, made = self._candidates_step().run(task, rule, run_id)
        except UnsupportedPromptError as error:
            return self._decline(task, run_id, HandBackReason.UNSUPPORTED_TASK, str(error))
        except GenerationError as error:
            return self._decline(task, run_id, HandBackReason.GENERATION_FAILED, str(error))
        chosen = next((each for each in made if each.number == decision.candidate), None)
        if chosen is None:
            is_worth = HandBackReason.INVALID_MODEL if made else HandBackReason.NOT_WORTH_THE_RISK
            return self._decline(task, run_id, is_worth, decision.reason, decision)
        return retry_store(
            self.clock,
            lambda: self.store.candidates.choose(
                chosen, now=self.clock.now(), run_id=run_id, decision=decision
            ),
            task=task,
            what="the generation",
        )

    def _candidates_step(self) -> MakeCandidatesStep:
        store, clock, policy = self.store, self.clock, self.policy
        return MakeCandidatesStep(
            store,
            self.files,
            clock,
            GenerateWithFailoverStep(store, self.generator, clock, policy.retries),
            StoreModelStep(
                self.files, self.codec, self.generator.name, clock, policy, self.pictures, self.orient
            ),
            self.judge,
            self.recipes,
        )
