"""What the operator decided about generating, validating and submitting a task."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class GenerationPolicy:
    """How a task is generated.

    Attributes:
        reuse_duplicates: a prompt that was seen before gets its best earlier result;
            False: it is handed back.
        duplicate_window: how long a prompt counts as seen.
        retries: after a temporary failure, on top of the first try.
        prepare: centre, scale and trim models for the validators' renderer.
        keep_ply: keep the PLY beside the submitted SPZ.
    """

    reuse_duplicates: bool = False
    duplicate_window: timedelta = timedelta(hours=24)
    retries: int = 2
    prepare: bool = True
    keep_ply: bool = True


@dataclass(frozen=True, slots=True)
class ValidationPolicy:
    """How a generated model is judged.

    Attributes:
        is_enabled: False submits models without a local score (`--no-validate`).
        min_score: models that score less are handed back, 0..1.
        requires_verdict: models that cannot be judged are handed back too.
    """

    is_enabled: bool = True
    min_score: float = 0.0
    requires_verdict: bool = False


@dataclass(frozen=True, slots=True)
class SubmissionPolicy:
    """What is submitted.

    Attributes:
        is_enabled: False keeps results on this side (`--no-submit`).
        min_score: least local score of a model that is submitted, 0..1.
    """

    is_enabled: bool = True
    min_score: float = 0.0
