"""What generating a model for a task produced."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the file store: `path` is relative to its root, with forward slashes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A model made for a task, or taken from an earlier task with the same prompt.

    Attributes:
        spz: the very bytes that are submitted (zstd-framed SPZ).
        ply: the model as generated, before preparation; None when only SPZ was kept.
        duration_s: GPU time in seconds; 0 for a reused result.
        reused_from: key of the task whose file this is, or None.
        picture: the picture of the words that it was made from, on the picture route (WebP).
        cut: the object of that picture alone, centred: what TRELLIS was given (WebP with alpha).
        endpoint: name of the endpoint that made it; None where it was not recorded.
    """

    generator: str
    seed: int
    started_at: datetime
    finished_at: datetime
    duration_s: float
    splat_count: int
    spz: StoredFile
    ply: StoredFile | None = None
    reused_from: int | None = None
    endpoint: str | None = None
    picture: StoredFile | None = None
    cut: StoredFile | None = None
