"""Store a generated model as a candidate of its task: its files, and how it was made."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from trellis_assets.domain.candidates import StoredCandidate
from trellis_assets.domain.generation_requests import PictureKind
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.heartbeats import Stage
from trellis_assets.domain.splats.preparation import prepare_for_submission, unprepared
from trellis_assets.domain.splats.quality_checks import collapsed
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.task_policies import GenerationPolicy
from trellis_assets.domain.tasks import Task
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import Clock, FileStore, PictureSource, SplatCodec, StoreError
from trellis_assets.steps.generate_with_failover import Made
from trellis_assets.steps.orient_model import OrientModelStep
from trellis_assets.steps.store_retry import retry_store
from trellis_assets.system.stages import enter_stage


@dataclass(frozen=True, slots=True)
class StoreModelStep:
    """Prepare a generated model and store its files; no endpoint is held meanwhile.

    Attributes:
        generator: its name, for the record.
        pictures: gives what a model was made from; None where the generator has no such pictures.
        orient: turns models head up; None where the generator knows its own orientation.
    """

    files: FileStore
    codec: SplatCodec
    generator: str
    clock: Clock
    policy: GenerationPolicy
    pictures: PictureSource | None = None
    orient: OrientModelStep | None = None

    def run(self, task: Task, number: int, made: Made) -> StoredCandidate:
        """Return the model as a candidate, with its files, or with the problem for which it has none."""
        splats = made.splats
        if (problem := collapsed(splats)) is not None:
            return self._candidate(task, number, made, problem=problem)
        enter_stage(Stage.STORING)
        if self.orient is not None:
            splats = self.orient.run(task, made.endpoint, splats)
        model = (prepare_for_submission if self.policy.prepare else unprepared)(splats)
        if len(model.splats) == 0:
            return self._candidate(task, number, made, problem=f"no usable splat of {len(splats)}")
        try:
            spz = self.codec.encode_spz(model.splats)
        except ValueError as error:
            return self._candidate(task, number, made, problem=str(error))
        written = retry_store(
            self.clock, lambda: self.files.write(task.key, "spz", spz), task=task, what="the model"
        )
        pictures = self._kept_pictures(task, made)
        candidate = self._candidate(
            task,
            number,
            made,
            splat_count=len(model.splats),
            spz=written,
            ply=self._kept_ply(task, splats),
            picture=pictures.get(PictureKind.PICTURE),
            cut=pictures.get(PictureKind.CUT),
        )
        audit(
            "generation finished",
            task=task,
            candidate=number,
            recipe=made.recipe.label,
            splats=candidate.splat_count,
            bytes=written.size,
            seconds=round(candidate.duration_s, 3),
            preparation=model.summary,
        )
        return candidate

    def _candidate(
        self,
        task: Task,
        number: int,
        made: Made,
        *,
        problem: str | None = None,
        splat_count: int | None = None,
        spz: StoredFile | None = None,
        ply: StoredFile | None = None,
        picture: StoredFile | None = None,
        cut: StoredFile | None = None,
    ) -> StoredCandidate:
        if problem is not None:
            audit("unusable model", task=task, level=logging.WARNING, seed=made.seed, reason=problem)
        return StoredCandidate(
            task_key=task.key,
            number=number,
            recipe=made.recipe.name,
            recipe_version=made.recipe.version,
            generator=self.generator,
            endpoint=made.endpoint,
            seed=made.seed,
            started_at=made.started_at,
            finished_at=made.finished_at,
            duration_s=(made.finished_at - made.started_at).total_seconds(),
            splat_count=len(made.splats) if splat_count is None else splat_count,
            spz=spz,
            ply=ply,
            picture=picture,
            cut=cut,
            problem=problem,
        )

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
