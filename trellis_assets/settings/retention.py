"""How long and how much is kept."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from trellis_assets.domain.retention import RetentionPolicy
from trellis_assets.settings.base import SettingsGroup
from trellis_assets.settings.field_types import Count, Days


class RetentionSettings(SettingsGroup):
    """How long and how much is kept; `maintain_store_job` deletes the rest every hour."""

    title: ClassVar[str] = "Retention"

    keep_ply_days: Days = Field(2, description="Days until PLY files are deleted.")
    keep_candidates_days: Days = Field(
        2, description="Days until files of models that were made for a task and not submitted are deleted."
    )
    keep_models_days: Days = Field(14, description="Days until SPZ files are deleted.")
    keep_best_days: Days = Field(90, description="Days until SPZ files of the best models are deleted.")
    best_score: float = Field(0.85, ge=0, le=1, description="Models from this score on are the best.")
    models_max_gb: float = Field(
        50,
        gt=0,
        le=1e6,
        description="Most GB (10^9 bytes) of model files; those with least time left are deleted first.",
    )
    keep_tasks_days: Days = Field(
        400, description="Days until rows of ended tasks are deleted; their sums stay."
    )
    keep_statistics_days: Days = Field(
        30, description="Days until exported statistics in the store are deleted."
    )
    keep_runs: Count = Field(2000, ge=10, description="Finished Dagster runs of each job that are kept.")

    def policy(self, duplicate_window: timedelta) -> RetentionPolicy:
        """Return what the store and the files keep.

        Args:
            duplicate_window: how long a prompt counts as seen, and so must be remembered.
        """
        return RetentionPolicy(
            prompts_for=duplicate_window,
            candidates_for=timedelta(days=self.keep_candidates_days),
            ply_for=timedelta(days=self.keep_ply_days),
            models_for=timedelta(days=self.keep_models_days),
            best_for=timedelta(days=self.keep_best_days),
            best_score=self.best_score,
            models_max_bytes=int(self.models_max_gb * 1e9),
            tasks_for=timedelta(days=self.keep_tasks_days),
            statistics_for=timedelta(days=self.keep_statistics_days),
        )
