"""Income: what the chain paid our neuron over a span of time, by the hours that were read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.earnings.economy import NeuronRecord
from trellis_assets.domain.earnings.units import DAY_S, HOUR_S, alpha_in

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Income:
    """Alpha and its worth.

    Attributes:
        alpha: earned in the hours that were read.
        tao: its worth at the price of each hour; None where no price was known.
        hours_read: of the span; in the others the chain was not read, and nothing is counted.
    """

    alpha: float = 0.0
    tao: float | None = None
    hours_read: float = 0.0

    def money(self, tao_price: float | None) -> float | None:
        """Return the worth in the user's currency; None without a price of TAO.

        Examples:
            >>> Income(alpha=30.0, tao=0.6).money(400.0)
            240.0
        """
        return None if tao_price is None or self.tao is None else self.tao * tao_price


def hour_of(moment: datetime) -> datetime:
    """Return the start of the hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def income(records: Sequence[NeuronRecord], start: datetime, end: datetime) -> Income:
    """Return what was earned in start..end (excluded).

    The last read of an hour stands for that hour. An hour whose previous one was not read begins with its
    first read. Emission is constant from one epoch to the next, 72 minutes, so a read an hour misses none.

    Args:
        records: one for each hour that was read, of one miner and source, oldest first.
        start: aware UTC.
        end: aware UTC, now at the latest.

    Example:
        Two hours read whole, with 1.5 and 3 alpha a tempo of 360 blocks (72 min) at 0.02 TAO: 1.25 + 2.5 =
        3.75 alpha, worth 0.075 TAO.
    """
    total, worth, seconds = 0.0, 0.0, 0.0
    is_priced, before = False, None
    for record in records:
        hour = hour_of(record.read_at)
        since = hour if before == hour - HOUR else max(hour, record.first_read_at)
        before = hour
        covered = (min(end, hour + HOUR) - max(start, since)).total_seconds()
        if covered <= 0:
            continue
        alpha = alpha_in(record.emission_alpha, record.tempo_blocks, covered)
        total, seconds = total + alpha, seconds + covered
        if record.price_tao is not None:
            worth, is_priced = worth + alpha * record.price_tao, True
    return Income(total, worth if is_priced else None, seconds / HOUR_S)


def daily_rate(record: NeuronRecord) -> Income:
    """Return what a day brings at the emission and the price of this record.

    Example:
        1.5 alpha a tempo of 360 blocks at 0.02 TAO: 30 alpha and 0.6 TAO a day.
    """
    alpha = alpha_in(record.emission_alpha, record.tempo_blocks, DAY_S)
    return Income(alpha, None if record.price_tao is None else alpha * record.price_tao, 24.0)
