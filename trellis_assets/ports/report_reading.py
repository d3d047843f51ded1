"""The store as people read it: models to look at, tables for reports."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from trellis_assets.domain.candidates import StoredCandidate, StoredDecision
from trellis_assets.domain.earnings.hours import HourEarnings
from trellis_assets.domain.earnings.report import UsageCost
from trellis_assets.domain.ended_tasks import EndedTask, HourStanding, OutcomeCount
from trellis_assets.domain.model_filter import ModelFilter
from trellis_assets.domain.tasks import Task
from trellis_assets.ports.learning import LearningQueries

if TYPE_CHECKING:
    import pandas as pd


class ModelCatalogue(Protocol):
    """Tasks that have a model, for people to look at."""

    def models(self, wanted: ModelFilter, limit: int) -> list[Task]:
        """Return the tasks that the filter lets through, the newest first."""
        ...

    def model(self, key: int) -> Task | None:
        """Return the task of that key, if it has a model."""
        ...

    def task(self, key: int) -> Task | None:
        """Return the task of that key; without its generation where the model was deleted."""
        ...

    def candidates(self, key: int) -> list[StoredCandidate]:
        """Return the task's candidates by number, and then those made on its prompt while idle."""
        ...

    def decisions(self, key: int) -> list[StoredDecision]:
        """Return the task's decisions in the order in which they were taken."""
        ...

    def neighbours(self, key: int) -> tuple[int | None, int | None]:
        """Return the keys of the tasks before and after, None at the ends."""
        ...

    def validators(self) -> list[tuple[str, str]]:
        """Return hotkey and name of the validators that were ever polled."""
        ...


class EarningQueries(Protocol):
    """Earnings and cost of all miners of the store. Times are aware UTC; `end` is excluded."""

    @property
    def currency(self) -> str:
        """Of all money here."""
        ...

    def by_hour(self, start: datetime, end: datetime) -> list[HourEarnings]:
        """Return the hours in which a miner ran or the chain was read, by miner, oldest first."""
        ...

    def validators(self, start: datetime, end: datetime) -> list[UsageCost]:
        """Return what each validator's tasks that ended in these hours cost and brought."""
        ...

    def recipes(self, start: datetime, end: datetime) -> list[UsageCost]:
        """Return the same for each recipe."""
        ...


class ReportQueries(Protocol):
    """The store as tables, for reports. Times are aware UTC; `end` is excluded."""

    @property
    def earnings(self) -> EarningQueries:
        """What mining earned and cost, at the prices of the settings."""
        ...

    @property
    def learning(self) -> LearningQueries:
        """What was recorded, for the pages of what is learnt."""
        ...

    def tasks(self, start: datetime, end: datetime, *, newest: int | None = None) -> Iterator["pd.DataFrame"]:
        """Yield tasks pulled in these hours, oldest first, in chunks of equal columns; at least one chunk."""
        ...

    def rewards(self, start: datetime, end: datetime) -> "pd.DataFrame":
        """Return per miner and validator what tasks that ended in these hours brought."""
        ...

    def validators(self) -> "pd.DataFrame":
        """Return per miner and validator everything so far."""
        ...

    def reasons(
        self, start: datetime, end: datetime, *, with_rejected: bool = False
    ) -> list[tuple[str, int]]:
        """Count tasks that ended in these hours without a submission, by reason, the most frequent first.

        Args:
            start: of the hours.
            end: of the hours, excluded.
            with_rejected: count rejected results too.
        """
        ...

    def outcomes(
        self, start: datetime, end: datetime, *, edges: Sequence[datetime] = ()
    ) -> list[OutcomeCount]:
        """Count the tasks that ended in these hours, by hour, state, kind, endpoint, validator.

        Args:
            start: of the hours.
            end: of the hours, excluded.
            edges: ascending moments that also part the tasks, into spans 0 (before the first) and on.
        """
        ...

    def standings(self, start: datetime, end: datetime) -> list[HourStanding]:
        """Return the last standing of each hour with each validator, oldest first."""
        ...

    def ended(self, start: datetime, end: datetime, *, newest: int) -> list[EndedTask]:
        """Return few columns of the newest tasks that ended in these hours, oldest first."""
        ...
