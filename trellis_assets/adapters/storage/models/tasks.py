"""Tasks, each one wide row with its whole life, from pull to feedback; local verdicts, remembered prompts."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from trellis_assets.adapters.storage.column_types import Hotkey, Sha256, ShortText, Words
from trellis_assets.adapters.storage.models.base import Base

# States in which a task waits: the partial index over them stays small for ever.
UNFINISHED = "finished_at IS NULL"
# Models whose files were not deleted on purpose; of them, what idle validation looks for.
STORED = "spz_path IS NOT NULL AND model_deleted_at IS NULL"
UNJUDGED = f"local_score IS NULL AND {STORED}"


class TaskRow(Base):
    """A task and everything that became of it. Durations in seconds, times in UTC."""

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("miner_hotkey", "validator_hotkey", "task_id"),
        Index(
            "ix_tasks_unfinished", "state", sqlite_where=text(UNFINISHED), postgresql_where=text(UNFINISHED)
        ),
        Index("ix_tasks_session_state", "session_id", "state"),
        Index("ix_tasks_pulled_at", "pulled_at"),
        Index("ix_tasks_finished_at", "finished_at"),
        Index(
            "ix_tasks_unjudged",
            "generated_at",
            sqlite_where=text(UNJUDGED),
            postgresql_where=text(UNJUDGED),
        ),
        Index("ix_tasks_stored", "spz_path", sqlite_where=text(STORED), postgresql_where=text(STORED)),
    )

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_id: Mapped[ShortText]
    miner_hotkey: Mapped[Hotkey]
    validator_uid: Mapped[int | None]
    validator_hotkey: Mapped[Hotkey | None]
    validator_stake: Mapped[float | None]
    kind: Mapped[ShortText]
    prompt: Mapped[str] = mapped_column(Text)
    prompt_sha256: Mapped[Sha256]
    validation_threshold: Mapped[float]
    throttle_s: Mapped[int]
    session_id: Mapped[int | None]

    state: Mapped[ShortText]
    reason: Mapped[str | None] = mapped_column(Words)
    attempt: Mapped[int] = mapped_column(default=0)
    run_id: Mapped[ShortText | None]
    claimed_until: Mapped[datetime | None]

    pulled_at: Mapped[datetime]
    requested_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None] = mapped_column(comment="a run took it up, and waits for an endpoint")
    generation_started_at: Mapped[datetime | None]
    generated_at: Mapped[datetime | None]
    validation_started_at: Mapped[datetime | None]
    validated_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    generation_s: Mapped[float | None]
    validation_s: Mapped[float | None]
    submission_s: Mapped[float | None]

    generator: Mapped[ShortText | None]
    endpoint: Mapped[str | None]
    seed: Mapped[int | None]
    splat_count: Mapped[int | None]
    reused_from: Mapped[int | None]
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

    model_deleted_at: Mapped[datetime | None]

    local_validator: Mapped[ShortText | None]
    local_score: Mapped[float | None]
    local_parts: Mapped[dict[str, Any] | None]
    failed_checks: Mapped[list[str] | None]

    submission_kind: Mapped[ShortText | None]
    submission_attempt: Mapped[int | None]
    submission_outcome: Mapped[ShortText | None]
    submission_message: Mapped[str | None] = mapped_column(Words)

    feedback_at: Mapped[datetime | None]
    validation_failed: Mapped[bool | None]
    task_fidelity_score: Mapped[float | None]
    average_fidelity_score: Mapped[float | None]
    generations_within_the_window: Mapped[int | None]
    current_duel_rating: Mapped[float | None]
    current_miner_reward: Mapped[float | None]
    is_inferred: Mapped[bool | None] = mapped_column(comment="by later feedback")
    submit_after: Mapped[datetime | None] = mapped_column(comment="the validator is locked")


class ValidationRow(Base):
    """A local verdict on a task's file: the history behind `tasks.local_score`."""

    __tablename__ = "validations"
    __table_args__ = (UniqueConstraint("task_key", "spz_sha256", "validator"),)

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task_key: Mapped[int]
    spz_sha256: Mapped[Sha256]
    validator: Mapped[ShortText]
    is_idle: Mapped[bool]
    started_at: Mapped[datetime] = mapped_column(index=True)
    duration_s: Mapped[float]
    score: Mapped[float]
    parts: Mapped[dict[str, Any]]
    failed_checks: Mapped[list[str]]


class RecentPromptRow(Base):
    """A prompt that a validator asked a miner for, remembered for the duplicate window."""

    __tablename__ = "recent_prompts"
    __table_args__ = (
        Index("ix_recent_prompts_lookup", "miner_hotkey", "validator_hotkey", "prompt_sha256"),
        Index("ix_recent_prompts_seen_at", "seen_at"),
    )

    task_key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    miner_hotkey: Mapped[Hotkey]
    validator_hotkey: Mapped[Hotkey]
    prompt_sha256: Mapped[Sha256]
    seen_at: Mapped[datetime]
