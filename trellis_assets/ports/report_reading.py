"""The store as people read it: models to look at, tables for reports."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from trellis_assets.domain.model_filter import ModelFilter
from trellis_assets.domain.tasks import Task

if TYPE_CHECKING:
    import pandas as pd


class ModelCatalogue(Protocol):
    """Tasks that have a model, for people to look at."""

    def models(self, wanted: ModelFilter, limit: int) -> list[Task]:
        """The newest first."""
        ...

    def model(self, key: int) -> Task | None: ...
    def task(self, key: int) -> Task | None: ...
    def neighbours(self, key: int) -> tuple[int | None, int | None]: ...
    def validators(self) -> list[tuple[str, str]]:
        """Hotkey and name of the validators that were ever asked."""
        ...


class Ledger(Protocol):
    """The store as tables, for reports. Times are aware UTC; `end` is excluded."""

    def tasks(self, start: datetime, end: datetime, *, newest: int | None = None) -> Iterator["pd.DataFrame"]:
        """Tasks pulled in these hours, in pieces of equal columns, oldest first; at least one piece."""
        ...

    def rewards(self, start: datetime, end: datetime) -> "pd.DataFrame":
        """Per miner and validator, what tasks that ended in these hours brought."""
        ...

    def validators(self) -> "pd.DataFrame":
        """Per miner and validator, everything so far."""
        ...

    def reasons(self, start: datetime, end: datetime) -> "pd.DataFrame":
        """Tasks that ended in these hours without a submission, by reason."""
        ...
