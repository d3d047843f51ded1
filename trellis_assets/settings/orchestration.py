"""How Dagster runs the pipeline."""

from datetime import date
from typing import ClassVar

from pydantic import Field

from trellis_assets.settings.base import SettingsGroup
from trellis_assets.settings.choices import RunLauncherName
from trellis_assets.settings.field_types import Broker, LogLevel, Queues, SecretUrl


class OrchestrationSettings(SettingsGroup):
    """How Dagster runs the pipeline."""

    title: ClassVar[str] = "Orchestration"

    max_concurrent_runs: int = Field(
        16, ge=1, le=256, description="Dagster runs at a time: run workers. Two are always kept ready."
    )
    run_launcher: RunLauncherName = Field(
        RunLauncherName.WARM, description="Where runs execute: warm (here) or celery (`worker` processes)."
    )
    celery_broker: Broker = Field(
        None, description="URL of the Redis that hands runs to workers, such as redis://:password@host/0."
    )
    celery_queues: Queues = Field(
        ("mining",), description="Queues that runs are spread over, comma separated: one per GPU host, say."
    )
    first_day: date | None = Field(
        None,
        description="Day on which partitions start; default: that of the data folder's first session, "
        "2026-01-01 before it.",
    )
    traces_url: SecretUrl = Field(
        None,
        description="Collector of traces, as http(s)://host:4318/v1/traces; needs trellis-assets[otel]. "
        "Default: no traces.",
    )
    log_level: LogLevel = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @property
    def uses_celery(self) -> bool:
        """Return whether `worker` processes execute the runs."""
        return self.run_launcher is RunLauncherName.CELERY
