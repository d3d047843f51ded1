"""What a period earned and cost, read once for its table and its charts."""

from datetime import datetime
from functools import cached_property

from trellis_assets.domain.earnings.hours import HourEarnings
from trellis_assets.domain.earnings.report import UsageCost
from trellis_assets.ports import ReportQueries


class EarningsPeriod:
    """The part of a report's period that is earnings."""

    ledger: ReportQueries
    start: datetime
    end: datetime

    @cached_property
    def earning_hours(self) -> list[HourEarnings]:
        """Hours with income or cost, by miner, oldest first."""
        return self.ledger.earnings.by_hour(self.start, self.end)

    @cached_property
    def validator_costs(self) -> list[UsageCost]:
        """What each validator's tasks cost."""
        return self.ledger.earnings.validators(self.start, self.end)

    @cached_property
    def recipe_costs(self) -> list[UsageCost]:
        """What each recipe's tasks cost."""
        return self.ledger.earnings.recipes(self.start, self.end)

    @property
    def currency(self) -> str:
        """Of all money."""
        return self.ledger.earnings.currency
