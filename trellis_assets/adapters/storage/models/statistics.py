"""Sessions, and counts that outlive the rows they were taken from."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from trellis_assets.adapters.storage.column_types import Hotkey, ShortText
from trellis_assets.adapters.storage.models.base import Base


class SessionRow(Base):
    """One start of the miner."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    started_at: Mapped[datetime]
    draining_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    flags: Mapped[dict[str, Any]]


class SnapshotRow(Base):
    """Statistics as they were at a moment."""

    __tablename__ = "statistics_snapshots"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    taken_at: Mapped[datetime] = mapped_column(index=True)
    session_id: Mapped[int | None]
    figures: Mapped[dict[str, Any]]


class EventCountRow(Base):
    """How often something happened since the store was made: a count that never goes back.

    An empty hotkey stands for no validator, or for all of them.
    """

    __tablename__ = "event_counts"

    miner_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    validator_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    event: Mapped[ShortText] = mapped_column(primary_key=True)
    detail: Mapped[ShortText] = mapped_column(primary_key=True, comment="outcome, bucket, or sum")
    total: Mapped[float]


class ArchivedTasksRow(Base):
    """Sums over ended tasks whose rows are gone, in the terms of the statistics.

    A session of 0 stands for none, an empty hotkey for no validator.
    """

    __tablename__ = "archived_tasks"

    session_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    miner_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    validator_hotkey: Mapped[Hotkey] = mapped_column(primary_key=True)
    tasks_pulled: Mapped[int]
    tasks_processed: Mapped[int]
    successful_generations: Mapped[int]
    successful_validations: Mapped[int]
    successful_submissions: Mapped[int]
    rejected_submissions: Mapped[int]
    unknown_submissions: Mapped[int]
    handed_back: Mapped[int]
    failed: Mapped[int]
    kept: Mapped[int]
    in_flight: Mapped[int]
    duplicates: Mapped[int]
    reused_results: Mapped[int]
    idle_validations: Mapped[int]
    total_generation_time: Mapped[float]
    total_validation_time: Mapped[float]
    total_submission_time: Mapped[float]
    total_fidelity: Mapped[float]
