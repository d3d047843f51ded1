"""What is kept and for how long: a miner that runs for months must not fill its disk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long and how much.

    Attributes:
        prompts_for: remembered prompts: the duplicate window.
        candidates_for: files of models that were made for a task, or on its prompt, and are not the task's.
        ply_for: PLY files; the submitted SPZ has all that a validator saw.
        models_for: SPZ files.
        best_for: SPZ files of models whose score is at least `best_score`.
        models_max_bytes: of all PLY and SPZ files together; what has the least time left goes first.
        tasks_for: rows of ended tasks; their sums are kept for ever.
        statistics_for: exported statistics in the store.
    """

    prompts_for: timedelta = timedelta(hours=24)
    candidates_for: timedelta = timedelta(days=2)
    ply_for: timedelta = timedelta(days=2)
    models_for: timedelta = timedelta(days=14)
    best_for: timedelta = timedelta(days=90)
    best_score: float = 0.85
    models_max_bytes: int = 50 * 10**9
    tasks_for: timedelta = timedelta(days=400)
    statistics_for: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model's files, which several tasks may share.

    Attributes:
        spz: path of the SPZ file; the model's name.
        size: bytes of it and of the pictures that it was made from.
        ply_size: of the PLY, 0 where there is none.
        used_at: when the last of its tasks got it.
        score: the best of its tasks' fidelity, or local score; 0 without any.
        is_needed: a task that has not ended has it.
    """

    spz: str
    size: int
    ply_size: int
    used_at: datetime
    score: float
    is_needed: bool


@dataclass(frozen=True, slots=True)
class ExpiredFiles:
    """Names of models whose PLY has expired, and of those whose SPZ has expired too."""

    plys: tuple[str, ...]
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Paths of files that no row names any more: PLYs, and the pictures that models were made from."""

    plys: tuple[str, ...]
    pictures: tuple[str, ...]


def expired_files(models: Sequence[StoredModel], *, now: datetime, policy: RetentionPolicy) -> ExpiredFiles:
    """Return the expired files, and then the oldest until the rest fits into `models_max_bytes`.

    Files that a task still needs are never among them, however large the rest is.
    """
    spare = [model for model in models if not model.is_needed]
    gone = {m.spz for m in spare if now - m.used_at > _kept_for(m, policy)}
    plys = {m.spz for m in spare if m.ply_size and (m.spz in gone or now - m.used_at > policy.ply_for)}
    excess = sum(_size(m, plys, gone) for m in models) - policy.models_max_bytes
    for model in _oldest_first(spare):
        if excess <= 0:
            break
        if model.ply_size and model.spz not in plys:
            plys.add(model.spz)
            excess -= model.ply_size
    for model in sorted(spare, key=lambda m: _worth(m, now, policy)):
        if excess <= 0:
            break
        if model.spz not in gone:
            gone.add(model.spz)
            excess -= model.size
    return ExpiredFiles(tuple(sorted(plys)), tuple(sorted(gone)))


def _kept_for(model: StoredModel, policy: RetentionPolicy) -> timedelta:
    return max(policy.best_for, policy.models_for) if model.score >= policy.best_score else policy.models_for


def _worth(model: StoredModel, now: datetime, policy: RetentionPolicy) -> tuple[bool, timedelta]:
    """Return what to sort by: least time left first, and what duplicates may reuse last."""
    age = now - model.used_at
    return age < policy.prompts_for, _kept_for(model, policy) - age


def _size(model: StoredModel, plys: set[str], gone: set[str]) -> int:
    return (0 if model.spz in gone else model.size) + (0 if model.spz in plys else model.ply_size)


def _oldest_first(models: Iterable[StoredModel]) -> list[StoredModel]:
    return sorted(models, key=lambda model: model.used_at)
