"""Generate: a claimed task has a model on disk, or the decision to hand it back."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from trellis_assets.audit import audit
from trellis_assets.domain.duplicates import Duplicate, Fresh, Reusable, judge_prompt
from trellis_assets.domain.generations import Generation
from trellis_assets.domain.preparation import PreparedModel, prepare_for_submission, unprepared
from trellis_assets.domain.splats import GaussianSplats
from trellis_assets.domain.submissions import HandBackReason
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.ports import (
    Clock,
    FileStore,
    GenerationError,
    Generator,
    SplatCodec,
    StoredFileError,
    TaskStore,
    UnsupportedPromptError,
)
from trellis_assets.steps.claims import LEASE, renewed

# A free endpoint is seen so soon; who has waited long looks less often: a twentieth of its wait.
SLOT_POLL_S, LONGEST_SLOT_POLL_S, SLOT_POLL_SHARE = 0.02, 0.25, 0.05
# A task that goes before others may be held up: the free endpoint is left to it so long, not longer.
YIELD_S = 0.5
FIRST_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class GenerationPolicy:
    """Settings of this step. `reuse_duplicates`: submit an earlier result instead of skipping."""

    reuse_duplicates: bool = False
    duplicate_window: timedelta = timedelta(hours=24)
    retries: int = 2
    prepare: bool = True
    keep_ply: bool = True


@dataclass(frozen=True, slots=True)
class GenerateStep:
    """The step with what it works on."""

    store: TaskStore
    files: FileStore
    codec: SplatCodec
    generator: Generator
    clock: Clock
    policy: GenerationPolicy

    def run(self, key: int, run_id: str) -> Task | None:
        """The task generated, reused or declined; None when it is not ours to work on.

        Idempotent: a task that is past this step is returned as it is.

        Raises:
            ClaimLostError: another run took over meanwhile.
        """
        now = self.clock.now()
        task = self.store.claim(key, run_id, now=now, until=now + LEASE)
        if task is None or task.state not in {TaskState.PULLED, TaskState.GENERATING}:
            return task
        with renewed(self.clock, lambda until: self.store.extend_claim(key, run_id, until)):
            return self._decided_by_duplicate(task, run_id) or self._generate(task, run_id)

    def _decline(self, task: Task, run_id: str, reason: HandBackReason, detail: str = "") -> Task:
        text = f"{reason}: {detail}" if detail else str(reason)
        state = TaskState.DECLINED if task.is_harvested else TaskState.FAILED
        declined = self.store.move(task.key, state, now=self.clock.now(), reason=text, run_id=run_id)
        audit("task declined", task=declined, level=logging.WARNING, reason=text)
        return declined

    def _decided_by_duplicate(self, task: Task, run_id: str) -> Task | None:
        if task.validator_hotkey is None:
            return None
        earlier = self.store.earlier_with_prompt(
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
            seed=made.seed,
            started_at=now,
            finished_at=now,
            duration_s=0.0,
            splat_count=made.splat_count,
            spz=made.spz,
            ply=made.ply,
            reused_from=earlier.key,
        )
        moved = self.store.move(task.key, TaskState.GENERATED, now=now, generation=reused, run_id=run_id)
        audit("earlier result reused", task=moved, reused_from=earlier.key)
        return moved

    def _generate(self, task: Task, run_id: str) -> Task:
        if not self.generator.supports(task.kind):
            detail = f"{self.generator.name} takes no {task.kind} prompts"
            return self._decline(task, run_id, HandBackReason.UNSUPPORTED_TASK, detail)
        seed = generation_seed(task)
        with self._slot(task.key) as endpoint:
            started = self.clock.now()
            task = self.store.move(task.key, TaskState.GENERATING, now=started, run_id=run_id)
            audit("generation started", task=task, endpoint=endpoint, seed=seed)
            try:
                splats = self._with_retries(task, seed, endpoint)
            except UnsupportedPromptError as error:
                return self._decline(task, run_id, HandBackReason.UNSUPPORTED_TASK, str(error))
            except GenerationError as error:
                return self._decline(task, run_id, HandBackReason.GENERATION_FAILED, str(error))
            finished = self.clock.now()
        # The slot is free again: preparing and writing need no GPU.
        model = (prepare_for_submission if self.policy.prepare else unprepared)(splats)
        if len(model.splats) == 0:
            detail = f"no usable splat of {len(splats)}"
            return self._decline(task, run_id, HandBackReason.INVALID_MODEL, detail)
        generation = Generation(
            generator=self.generator.name,
            seed=seed,
            started_at=started,
            finished_at=finished,
            duration_s=(finished - started).total_seconds(),
            splat_count=len(model.splats),
            spz=self.files.write(task.key, "spz", self.codec.encode_spz(model.splats)),
            ply=self.files.write(task.key, "ply", self.codec.encode_ply(splats))
            if self.policy.keep_ply
            else None,
        )
        return self._generated(task, generation, model, run_id)

    def _generated(self, task: Task, generation: Generation, model: PreparedModel, run_id: str) -> Task:
        moved = self.store.move(
            task.key, TaskState.GENERATED, now=self.clock.now(), generation=generation, run_id=run_id
        )
        audit(
            "generation finished",
            task=moved,
            splats=generation.splat_count,
            bytes=generation.spz.size,
            seconds=round(generation.duration_s, 3),
            preparation=model.summary,
        )
        return moved

    def _with_retries(self, task: Task, seed: int, endpoint: str) -> GaussianSplats:
        wait_s = FIRST_RETRY_S
        for tries_left in range(self.policy.retries, -1, -1):
            try:
                return self.generator.generate(task.prompt, kind=task.kind, seed=seed, endpoint=endpoint)
            except GenerationError as error:
                if not error.is_transient or tries_left == 0:
                    raise
                audit("generation retried", task=task, level=logging.WARNING, reason=str(error))
                self.clock.sleep(wait_s)
                wait_s *= 2
        raise AssertionError("the loop returns or raises")

    @contextmanager
    def _slot(self, key: int) -> Iterator[str]:
        """A generation endpoint of our own until the block ends."""
        held = self._wait_for_slot(key)
        try:
            with renewed(self.clock, lambda until: self.store.extend_slot(held, key, until)):
                yield held
        finally:
            self.store.release_slot(held, key)

    def _wait_for_slot(self, key: int) -> str:
        """The endpoint that is held for the task now; the best of the waiting tasks gets it."""
        endpoints = self.generator.endpoints
        since = self.clock.now()
        free_since: datetime | None = None
        while True:
            now = self.clock.now()
            is_next = self.store.may_start(endpoints, key, now)
            free_since = None if is_next is None else free_since or now
            if is_next or (free_since is not None and (now - free_since).total_seconds() >= YIELD_S):
                endpoint = self.store.acquire_slot(endpoints, key, now=now, until=now + LEASE)
                if endpoint is not None:
                    return endpoint
            waited_s = (now - since).total_seconds()
            self.clock.sleep(min(max(waited_s * SLOT_POLL_SHARE, SLOT_POLL_S), LONGEST_SLOT_POLL_S))


def generation_seed(task: Task) -> int:
    """A seed that is the same whenever this task is generated, 0 to 2^31-1."""
    digest = sha256(f"{task.miner_hotkey}:{task.task_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
