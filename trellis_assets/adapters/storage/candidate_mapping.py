"""Rows of candidates to domain values and back."""

from collections.abc import Sequence
from typing import Any

from trellis_assets.adapters.storage.models import CandidateRow
from trellis_assets.domain.candidates import StoredCandidate
from trellis_assets.domain.generations import StoredFile
from trellis_assets.domain.learning.exploration import PastPrompt
from trellis_assets.domain.verdicts import Verdict

KEY_COLUMNS = ("task_key", "number", "is_idle")
_PLAIN_COLUMNS = (
    *KEY_COLUMNS,
    "recipe",
    "recipe_version",
    "generator",
    "endpoint",
    "seed",
    "started_at",
    "finished_at",
    "duration_s",
    "splat_count",
    "problem",
    "is_chosen",
    "files_deleted_at",
)
_FILES = ("spz", "ply", "picture", "cut")


def candidate_of(row: CandidateRow) -> StoredCandidate:
    """Return the row as a value."""
    fields: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN_COLUMNS}
    fields |= {name: _file(row, name) for name in _FILES}
    return StoredCandidate(**fields, verdict=_verdict(row))


def values_of(candidate: StoredCandidate) -> dict[str, Any]:
    """Return the columns that store the candidate."""
    values = {name: getattr(candidate, name) for name in _PLAIN_COLUMNS}
    for name in _FILES:
        file: StoredFile | None = getattr(candidate, name)
        for part in ("path", "size", "sha256"):
            values[f"{name}_{part}"] = getattr(file, part, None)
    return values if candidate.verdict is None else values | verdict_values(candidate.verdict)


def verdict_values(verdict: Verdict) -> dict[str, Any]:
    """Return the columns that store a local verdict."""
    return {
        "local_validator": verdict.validator,
        "local_score": verdict.score,
        "local_parts": dict(verdict.parts),
        "failed_checks": list(verdict.failed_checks),
        "judged_at": verdict.started_at,
        "validation_s": verdict.duration_s,
    }


def _file(row: CandidateRow, name: str) -> StoredFile | None:
    path, size, sha256 = (getattr(row, f"{name}_{part}") for part in ("path", "size", "sha256"))
    return None if path is None or size is None or sha256 is None else StoredFile(path, size, sha256)


def _verdict(row: CandidateRow) -> Verdict | None:
    if row.local_score is None or row.judged_at is None:
        return None
    return Verdict(
        validator=row.local_validator or "",
        score=row.local_score,
        started_at=row.judged_at,
        duration_s=row.validation_s or 0.0,
        parts=row.local_parts or {},
        failed_checks=tuple(row.failed_checks or ()),
    )


def past_prompts_of(rows: Sequence[Any]) -> list[PastPrompt]:
    """Return rows of task key, version of a recipe, whether idle, and number, as prompts in their order."""
    tried: dict[int, dict[str, int]] = {}
    following: dict[int, int] = {}
    for key, version, is_idle, number in rows:
        of = tried.setdefault(key, {})
        if version is None:
            continue
        of[version] = of.get(version, 0) + 1
        if is_idle:
            following[key] = max(following.get(key, 0), number + 1)
    return [PastPrompt(key, of, following.get(key, 0)) for key, of in tried.items()]
