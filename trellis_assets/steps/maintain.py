"""Maintenance: delete what is expired and archive old tasks, so that a miner can run for months."""

from dataclasses import asdict, dataclass
from datetime import timedelta

from trellis_assets.domain.retention import RetentionPolicy, expired_files
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import CandidateRepository, Clock, FileStore, RetentionRepository

# No process is still writing a file of this age.
_SWEPT_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Maintained:
    """How many of each were deleted, or archived."""

    prompts: int
    pictures: int
    statistics: int
    candidates: int
    plys: int
    models: int
    leftovers: int
    tasks: int


@dataclass(frozen=True, slots=True)
class MaintainStep:
    """Delete expired prompts, pictures, statistics, candidates and models, and archive old tasks."""

    store: RetentionRepository
    candidates: CandidateRepository
    files: FileStore
    clock: Clock
    policy: RetentionPolicy

    def run(self) -> Maintained:
        """Return what was deleted. Another run, after a kill too, deletes what is left."""
        now, policy = self.clock.now(), self.policy
        plys, models = self._delete_models()
        candidates = self._delete_candidates()
        gone = Maintained(
            candidates=candidates,
            prompts=self.store.forget_prompts(now - policy.prompts_for),
            pictures=self.store.forget_pictures(now - policy.models_for),
            statistics=self.store.forget_snapshots(now - policy.statistics_for),
            plys=plys,
            models=models,
            leftovers=self.files.sweep(self.store.known_files(), now - _SWEPT_AFTER),
            tasks=self.store.archive_tasks(now - policy.tasks_for),
        )
        audit("store maintained", **asdict(gone))
        return gone

    def _delete_candidates(self) -> int:
        """Delete files of candidates that were not submitted; return of how many candidates."""
        now = self.clock.now()
        expired = self.candidates.expired(now - self.policy.candidates_for)
        for file in self.candidates.forget_files(expired, now):
            self.files.delete(file.path)
        return len(expired)

    def _delete_models(self) -> tuple[int, int]:
        """Delete expired models, rows first: after a kill in between the sweep finds unknown files."""
        now = self.clock.now()
        gone = expired_files(self.store.stored_models(), now=now, policy=self.policy)
        forgotten = self.store.forget_models(gone, now)
        for path in (*forgotten.plys, *forgotten.pictures, *gone.models):
            self.files.delete(path)
        return len(forgotten.plys), len(gone.models)
