"""Candidates: the models that were made for a task, and the decisions that were taken about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from trellis_assets.domain.generations import Generation, StoredFile
from trellis_assets.domain.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class StoredCandidate:
    """One of the models that were made for a task.

    Attributes:
        task_key: the task; of an idle candidate the past task whose prompt was used.
        number: from 0, in the order in which they were begun; the seed follows from it.
        recipe, recipe_version: how it was made; see `domain/learning/recipes.py`.
        endpoint: that made it.
        duration_s: seconds of the endpoint.
        splat_count: of the prepared model; of one with a problem, as it was generated.
        spz: the model; None where it has a problem, so that nothing was stored.
        ply, picture, cut: files beside it; see `Generation`.
        verdict: of the local validator; None while it has not been validated.
        problem: why it cannot be submitted (collapsed, file lost); None where it can.
        is_idle: made on a past prompt while nothing was mined; it is never submitted.
        is_chosen: its model is the task's.
        files_deleted_at: when its files were deleted.
    """

    task_key: int
    number: int
    recipe: str
    recipe_version: str
    generator: str
    endpoint: str | None
    seed: int
    started_at: datetime
    finished_at: datetime
    duration_s: float
    splat_count: int
    spz: StoredFile | None = None
    ply: StoredFile | None = None
    picture: StoredFile | None = None
    cut: StoredFile | None = None
    verdict: Verdict | None = None
    problem: str | None = None
    is_idle: bool = False
    is_chosen: bool = False
    files_deleted_at: datetime | None = None

    @property
    def is_usable(self) -> bool:
        """Return whether its model is stored and may be submitted."""
        return self.spz is not None and self.problem is None and self.files_deleted_at is None

    @property
    def generation(self) -> Generation:
        """Return the candidate as the task's generation.

        Raises:
            ValueError: it has no model.
        """
        if self.spz is None:
            raise ValueError(f"candidate {self.number} of task {self.task_key} has no model")
        return Generation(
            generator=self.generator,
            endpoint=self.endpoint,
            seed=self.seed,
            started_at=self.started_at,
            finished_at=self.finished_at,
            duration_s=self.duration_s,
            splat_count=self.splat_count,
            spz=self.spz,
            ply=self.ply,
            picture=self.picture,
            cut=self.cut,
        )


@dataclass(frozen=True, slots=True)
class CandidateScore:
    """What a candidate teaches of its recipe, without its files.

    Attributes:
        task_key: whose prompt it was made of.
        label: of its recipe, name and version.
        kind: of prompt.
        score: the local score; None where there is a problem.
        is_valid: whether it had no problem, and passed all data checks.
        made_s: seconds to make and to judge it.
    """

    task_key: int
    label: str
    kind: str
    score: float | None
    is_valid: bool
    made_s: float


@dataclass(frozen=True, slots=True)
class StoredBeliefs:
    """What was learnt, as it is stored.

    Attributes:
        learnt_at: when.
        newest_task: the newest settled task that it rests on; 0 without any.
        content: JSON.
    """

    learnt_at: datetime
    newest_task: int
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision that was taken for a task, with the numbers that it followed from.

    Attributes:
        task_key: the task.
        at: when it was taken.
        policy: in force: `single`, `best-of-3`, `learned`.
        move: `generate`, `submit` or `hand_back`.
        reason: in words.
        fallback: why another policy is in force than the settings say; None where it is the one.
        recipe: of the candidate that is made next; None where none is.
        candidate: number of the candidate that is made, or submitted; None where there is none.
        figures: what was known: elapsed seconds, the candidates' scores and worths, prices, reservation
            values, and what they rest on.
        number: from 0, in the order in which they were taken; given by the store.
    """

    task_key: int
    at: datetime
    policy: str
    move: str
    reason: str
    fallback: str | None = None
    recipe: str | None = None
    candidate: int | None = None
    figures: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    number: int = 0


def describe_candidate(candidate: StoredCandidate) -> str:
    """Return a candidate in one line for people: number, recipe, score, and what became of it."""
    said = "no local score" if candidate.verdict is None else f"score {candidate.verdict.score:.4f}"
    if candidate.verdict is not None and candidate.verdict.failed_checks:
        said = f"{said}, failed: {'; '.join(candidate.verdict.failed_checks)}"
    if candidate.problem is not None:
        said = candidate.problem
    fate = "chosen" if candidate.is_chosen else "made while idle" if candidate.is_idle else "not chosen"
    return f"candidate {candidate.number} by {candidate.recipe}, {candidate.duration_s:.1f} s: {said}, {fate}"


def describe_decision(decision: StoredDecision) -> str:
    """Return a decision in one line for people: the policy, the move and why."""
    policy = decision.policy + (f" ({decision.fallback})" if decision.fallback else "")
    return f"{policy}: {decision.move.replace('_', ' ')}, since {decision.reason}"
