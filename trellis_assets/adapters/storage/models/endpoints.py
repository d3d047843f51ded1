"""Generation endpoints."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from trellis_assets.adapters.storage.column_types import Words
from trellis_assets.adapters.storage.models.base import Base


class SlotRow(Base):
    """A generation endpoint: the task that holds it, its breaker, and how it did so far."""

    __tablename__ = "generation_slots"

    endpoint: Mapped[str] = mapped_column(primary_key=True)
    task_key: Mapped[int | None]
    held_until: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    failures_in_a_row: Mapped[int] = mapped_column(default=0)
    openings: Mapped[int] = mapped_column(default=0)
    open_until: Mapped[datetime | None]
    is_away: Mapped[bool] = mapped_column(default=False)

    recent_s: Mapped[list[float] | None]
    generations: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    generation_s: Mapped[float] = mapped_column(default=0.0)
    last_error: Mapped[str | None] = mapped_column(Words)
    last_failed_at: Mapped[datetime | None]
    last_succeeded_at: Mapped[datetime | None]
    # Score differences of its first models, each way up.
    orientation_gains: Mapped[dict[str, list[float]] | None]
    failed_prompts: Mapped[list[str] | None]
    is_proven: Mapped[bool] = mapped_column(default=False)
