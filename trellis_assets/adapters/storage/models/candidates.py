"""Models that were made for tasks, why, and what was learnt from them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from trellis_assets.adapters.storage.column_types import Sha256, ShortText, Words
from trellis_assets.adapters.storage.models.base import Base

# Candidates whose files are there.
STORED_CANDIDATES = "spz_path IS NOT NULL AND files_deleted_at IS NULL"


class CandidateRow(Base):
    """A model that was made for a task, submitted or not; the chosen one's columns are the task's too."""

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("task_key", "number", "is_idle"),
        Index(
            "ix_candidates_stored",
            "spz_path",
            sqlite_where=text(STORED_CANDIDATES),
            postgresql_where=text(STORED_CANDIDATES),
        ),
    )

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_key: Mapped[int]
    number: Mapped[int]
    is_idle: Mapped[bool]
    recipe: Mapped[ShortText]
    recipe_version: Mapped[ShortText]
    generator: Mapped[ShortText]
    endpoint: Mapped[str | None]
    seed: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    duration_s: Mapped[float] = mapped_column(comment="seconds of the endpoint")
    splat_count: Mapped[int]
    spz_path: Mapped[str | None]
    spz_size: Mapped[int | None]
    spz_sha256: Mapped[Sha256 | None]
    ply_path: Mapped[str | None]
    ply_size: Mapped[int | None]
    ply_sha256: Mapped[Sha256 | None]
    picture_path: Mapped[str | None]
    picture_size: Mapped[int | None]
    picture_sha256: Mapped[Sha256 | None]
    cut_path: Mapped[str | None]
    cut_size: Mapped[int | None]
    cut_sha256: Mapped[Sha256 | None]
    local_validator: Mapped[ShortText | None]
    local_score: Mapped[float | None]
    local_parts: Mapped[dict[str, Any] | None]
    failed_checks: Mapped[list[str] | None]
    judged_at: Mapped[datetime | None]
    validation_s: Mapped[float | None]
    problem: Mapped[str | None] = mapped_column(Words, comment="why it cannot be submitted")
    is_chosen: Mapped[bool] = mapped_column(comment="its model is the task's")
    files_deleted_at: Mapped[datetime | None]


class DecisionRow(Base):
    """A decision that was taken for a task, with the numbers that it followed from."""

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("task_key", "number"),)

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_key: Mapped[int]
    number: Mapped[int]
    at: Mapped[datetime]
    policy: Mapped[ShortText] = mapped_column(comment="in force")
    fallback: Mapped[str | None] = mapped_column(Words, comment="why it is not the one of the settings")
    move: Mapped[ShortText]
    recipe: Mapped[ShortText | None]
    candidate: Mapped[int | None] = mapped_column(comment="that is made, or submitted")
    reason: Mapped[str] = mapped_column(Words)
    figures: Mapped[dict[str, Any]] = mapped_column(comment="the numbers that were seen")


class BeliefsRow(Base):
    """What was learnt, so that a process need not learn it again; the newest row is in force."""

    __tablename__ = "beliefs"

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    learnt_at: Mapped[datetime]
    newest_task: Mapped[int] = mapped_column(comment="that they rest on")
    content: Mapped[dict[str, Any]]
