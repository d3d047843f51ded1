"""Cost: what the GPUs cost while the miner runs, and what of it each accepted result took."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.earnings.units import HOUR_S

# A session that never ended (its machine lost power) ran until its last sign of life; statistics are one,
# taken every ten minutes.
SIGN_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class GpuPrice:
    """What an hour of one GPU costs, in the user's currency.

    Attributes:
        per_hour: rent; None where it is not known.
        watts: what the machine draws for it while the miner runs.
        kwh_price: of electricity.
    """

    per_hour: float | None = None
    watts: float | None = None
    kwh_price: float | None = None

    def an_hour(self) -> float | None:
        """Return the price of an hour, rent and electricity together; None where neither is known.

        Example:
            Rent of 0.25, and 400 W at 0.30 a kWh:

        >>> GpuPrice(0.25, 400, 0.30).an_hour()
        0.37
        """
        power = None
        if self.watts is not None and self.kwh_price is not None:
            power = self.watts / 1000 * self.kwh_price
        known = [part for part in (self.per_hour, power) if part is not None]
        return sum(known) if known else None

    def of_hours(self, gpu_hours: float) -> float | None:
        """Return the price of so many GPU hours; None where it is not known."""
        price = self.an_hour()
        return None if price is None else price * gpu_hours


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """One start of the miner.

    Attributes:
        ended_at: None: it never said that it ended.
        last_sign_at: when it last did anything that is recorded.
        gpus: generation endpoints that it used.
    """

    started_at: datetime
    ended_at: datetime | None
    last_sign_at: datetime | None
    gpus: int

    def until(self, now: datetime) -> datetime:
        """Return until when it ran: now, if its last sign of life is not older than 15 minutes."""
        if self.ended_at is not None:
            return self.ended_at
        last = max(self.started_at, self.last_sign_at or self.started_at)
        return now if now - last <= SIGN_INTERVAL else last


def gpu_hours(sessions: Iterable[SessionSpan], start: datetime, end: datetime, now: datetime) -> float:
    """Return the GPU hours that sessions ran within start..end: idle ones too, since they are paid for.

    Examples:
        A session with two GPUs from 22:00 to 02:00 has 4 GPU hours on either day.

        >>> hour = datetime.fromisoformat
        >>> ran = SessionSpan(hour("2026-11-23T22:00Z"), hour("2026-11-24T02:00Z"), None, gpus=2)
        >>> day, next_day = hour("2026-11-24T00:00Z"), hour("2026-11-25T00:00Z")
        >>> gpu_hours([ran], day, next_day, next_day)
        4.0
    """
    total = 0.0
    for session in sessions:
        ran = (min(session.until(now), end) - max(session.started_at, start)).total_seconds()
        total += max(0.0, ran) / HOUR_S * session.gpus
    return total


def per_result(cost: float | None, accepted: int) -> float | None:
    """Return the cost of an accepted result; None where none was accepted or no price is known.

    Examples:
        >>> per_result(9.0, 120)
        0.075
    """
    return None if cost is None or accepted == 0 else cost / accepted
