"""Earnings and cost of all miners of the store by the hour, and what each validator and recipe cost."""

from datetime import UTC, datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from trellis_assets.adapters.storage.earnings import SqlEarnings
from trellis_assets.adapters.storage.models import NeuronRecordRow, TaskRow
from trellis_assets.adapters.storage.transactions import Transactions
from trellis_assets.domain.earnings.cost import gpu_hours
from trellis_assets.domain.earnings.hours import HourEarnings, summed
from trellis_assets.domain.earnings.income import HOUR, hour_of, income
from trellis_assets.domain.earnings.report import Prices, UsageCost, income_shares, priced


class SqlEarningsByHour:
    """`EarningQueries` over SQLAlchemy."""

    def __init__(self, engine: Engine, prices: Prices) -> None:
        self._engine, self._prices = engine, prices
        self._earnings = SqlEarnings(Transactions(engine))

    def by_hour(self, start: datetime, end: datetime) -> list[HourEarnings]:
        """Return the hours of start..end in which a miner of the store ran, or the chain was read."""
        now = datetime.now(UTC)
        until = min(end, now)
        return [hour for miner in self._miners(start, end) for hour in self._hours(miner, start, until, now)]

    def validators(self, start: datetime, end: datetime) -> list[UsageCost]:
        """Return what each validator's tasks of start..end cost and brought, of all miners together."""
        found = [
            usage
            for miner in self._miners(start, end)
            for usage in self._earnings.usage_by_validator(miner, start, end)
        ]
        shares = income_shares(tuple(found))
        return [priced(usage, self._prices.gpu, shares.get(usage.name)) for usage in found]

    def recipes(self, start: datetime, end: datetime) -> list[UsageCost]:
        """Return the same for each recipe."""
        return [
            priced(usage, self._prices.gpu)
            for miner in self._miners(start, end)
            for usage in self._earnings.usage_by_recipe(miner, start, end)
        ]

    @property
    def currency(self) -> str:
        """Return the currency of all money here."""
        return self._prices.currency

    def _miners(self, start: datetime, end: datetime) -> list[str]:
        read = select(NeuronRecordRow.miner_hotkey).where(
            NeuronRecordRow.hour >= hour_of(start), NeuronRecordRow.hour < end
        )
        worked = select(TaskRow.miner_hotkey).where(TaskRow.finished_at >= start, TaskRow.finished_at < end)
        with Session(self._engine) as session:
            session.connection(execution_options={"reads_only": True})
            return sorted({*session.scalars(read.distinct()), *session.scalars(worked.distinct())})

    def _hours(self, miner: str, start: datetime, until: datetime, now: datetime) -> list[HourEarnings]:
        records = self._earnings.records(None, miner, start, until)
        sessions = self._earnings.sessions(miner, start, until)
        by_hour = {hour_of(record.read_at): record for record in records}
        found, hour = [], hour_of(start)
        while hour < until:
            since, to = max(hour, start), min(hour + HOUR, until)
            ran, record = gpu_hours(sessions, since, to, now), by_hour.get(hour)
            if ran or record is not None:
                usage = summed(list(self._earnings.usage_by_validator(miner, since, to)))
                earned = income(records, since, to)
                found.append(HourEarnings(hour, miner, self._prices, earned, ran, usage, record))
            hour += HOUR
        return found
