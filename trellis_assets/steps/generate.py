"""Generate a model for a claimed task, and store it; or decide to hand the task back."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from trellis_assets.domain.duplicates import Duplicate, Fresh, Reusable, judge_prompt
from trellis_assets.domain.generation_requests import PictureKind
from trellis_assets.domain.generations import Generation, StoredFile
from trellis_assets.domain.heartbeats import Stage
from trellis_assets.domain.learning.recipes import Recipe
from trellis_assets.domain.splats.preparation import PreparedModel, prepare_for_submission, unprepared
from trellis_assets.domain.splats.quality_checks import collapsed
from trellis_assets.domain.splats.splats import GaussianSplats
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
    StoreError,
    UnsupportedPromptError,
)
from trellis_assets.steps.generate_with_failover import GenerateWithFailoverStep, Made
from trellis_assets.steps.lease_heartbeat import lease_heartbeat
from trellis_assets.steps.orient_model import OrientModelStep
from trellis_assets.steps.store_retry import retry_store
from trellis_assets.system.stages import enter_stage

# Candidates that may collapse before the task is handed back. Where one of seven does, three in a row are
# one task in 300; more would be a fault of the endpoint that another seed does not mend.
MOST_COLLAPSED = 3


@dataclass(frozen=True, slots=True)
class GenerateStep:
    """Claim a task, reuse an earlier result of the same prompt or generate one, and store the files.

    Attributes:
        pictures: gives what a model was made from; None where the generator has no such pictures.
        orient: turns models head up; None where the generator knows its own orientation.
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

    def _decline(self, task: Task, run_id: str, reason: HandBackReason, detail: str = "") -> Task:
        text = f"{reason}: {detail}" if detail else str(reason)
        state = TaskState.DECLINED if task.is_harvested else TaskState.FAILED
        declined = self.store.tasks.move(task.key, state, now=self.clock.now(), reason=text, run_id=run_id)
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
        try:
            made = self._made(task, run_id)
        except UnsupportedPromptError as error:
            return self._decline(task, run_id, HandBackReason.UNSUPPORTED_TASK, str(error))
        except GenerationError as error:
            return self._decline(task, run_id, HandBackReason.GENERATION_FAILED, str(error))
        splats = made.splats
        if (problem := collapsed(splats)) is not None:
            return self._decline(task, run_id, HandBackReason.INVALID_MODEL, problem)
        enter_stage(Stage.STORING)
        if self.orient is not None:
            splats = self.orient.run(task, made.endpoint, splats)
        # The slot is free again: preparing and writing need no GPU.
        model = (prepare_for_submission if self.policy.prepare else unprepared)(splats)
        if len(model.splats) == 0:
            detail = f"no usable splat of {len(splats)}"
            return self._decline(task, run_id, HandBackReason.INVALID_MODEL, detail)
        try:
            spz = self.codec.encode_spz(model.splats)
        except ValueError as error:
            return self._decline(task, run_id, HandBackReason.INVALID_MODEL, str(error))
        written = retry_store(
            self.clock, lambda: self.files.write(task.key, "spz", spz), task=task, what="the model"
        )
        pictures = self._kept_pictures(task, made)
        generation = Generation(
            generator=self.generator.name,
            endpoint=made.endpoint,
            seed=made.seed,
            started_at=made.started_at,
            finished_at=made.finished_at,
            duration_s=(made.finished_at - made.started_at).total_seconds(),
            splat_count=len(model.splats),
            spz=written,
            ply=self._kept_ply(task, splats),
            picture=pictures.get(PictureKind.PICTURE),
            cut=pictures.get(PictureKind.CUT),
        )
        return self._generated(task, generation, model, made.recipe, run_id)

    def _made(self, task: Task, run_id: str) -> Made:
        """Return a model that is not collapsed, or the last candidate: another seed mostly helps."""
        step = GenerateWithFailoverStep(self.store, self.generator, self.clock, self.policy.retries)
        recipe = self.recipes.current()[0]
        for candidate in range(MOST_COLLAPSED):
            made = step.run(task, run_id, candidate, recipe)
            if (problem := collapsed(made.splats)) is None:
                return made
            audit("collapsed model", task=task, level=logging.WARNING, seed=made.seed, reason=problem)
        return made

    def _kept_ply(self, task: Task, splats: GaussianSplats) -> StoredFile | None:
        """Store the PLY, which is for people: a task does not fail for it."""
        if not self.policy.keep_ply:
            return None
        try:
            return self.files.write(task.key, "ply", self.codec.encode_ply(splats))
        except (StoreError, ValueError) as error:
            audit("no PLY is kept", task=task, level=logging.WARNING, reason=str(error))
            return None

    def _kept_pictures(self, task: Task, made: Made) -> Mapping[PictureKind, StoredFile]:
        """Store what the model was made from, which is for people: a task does not fail for it."""
        if self.pictures is None:
            return {}
        kept: dict[PictureKind, StoredFile] = {}
        made_from = self.pictures.pictures(made.prompt, seed=made.seed, endpoint=made.endpoint)
        for kind, data in made_from.items():
            try:
                kept[kind] = self.files.write(task.key, "webp", data)
            except StoreError as error:
                audit(f"no {kind} is kept", task=task, level=logging.WARNING, reason=str(error))
        return kept

    def _generated(
        self, task: Task, generation: Generation, model: PreparedModel, recipe: Recipe, run_id: str
    ) -> Task:
        now = self.clock.now()
        moved = retry_store(
            self.clock,
            lambda: self.store.tasks.move(
                task.key, TaskState.GENERATED, now=now, generation=generation, run_id=run_id
            ),
            task=task,
            what="the generation",
        )
        audit(
            "generation finished",
            task=moved,
            splats=generation.splat_count,
            bytes=generation.spz.size,
            seconds=round(generation.duration_s, 3),
            preparation=model.summary,
            recipe=recipe.label,
        )
        return moved
