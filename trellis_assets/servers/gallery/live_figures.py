"""What the start page shows, read in the background: no viewer waits for the store or for the doctor."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trellis_assets.domain.diagnostics import CheckResult
from trellis_assets.domain.earnings.report import EarningsReport
from trellis_assets.domain.overview import Overview
from trellis_assets.system.background_cache import BackgroundCache

# A read is repeated after so many times its own duration, so that it takes a twentieth of a core at most.
_TIMES_CHEAPER = 20
_OVERVIEW_S, _MINING_S, _DOCTOR_S = 10.0, 5.0, 60.0
# The first page waits so long for its figures; without them it says that they are being read.
FIRST_WAIT_S = 0.6
DOCTOR_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """The figures at a moment.

    Attributes:
        overview: None before it was read.
        earnings: of the last 24 hours; None before they were read, and where it is not known whose.
        mining: whether a miner works; None before it was looked at.
        checks: all health checks; None before they were made.
        problem: the type of the error that the overview could not be read for; empty where it could.
    """

    overview: Overview | None
    earnings: EarningsReport | None
    mining: Sequence[CheckResult] | None
    checks: Sequence[CheckResult] | None
    problem: str = ""


class LiveReader:
    """Reads the figures as seldom as they are wanted, and never twice at a time."""

    def __init__(
        self,
        overview: Callable[[], Overview],
        earnings: Callable[[], EarningsReport | None],
        mining: Callable[[], Sequence[CheckResult]],
        doctor: Callable[[], Sequence[CheckResult]],
    ) -> None:
        self._overview = BackgroundCache(overview, _at_least(_OVERVIEW_S))
        self._earnings = BackgroundCache(earnings, _at_least(_OVERVIEW_S))
        self._mining = BackgroundCache(mining, _at_least(_MINING_S))
        self._doctor = BackgroundCache(doctor, _at_least(_DOCTOR_S))
        self._first_read_at: float | None = None

    def begin(self) -> None:
        """Begin to read the figures, so that the first viewer finds them; the doctor waits for a viewer."""
        self._overview.begin()
        self._earnings.begin()
        self._mining.begin()

    def read(self, wait_s: float = FIRST_WAIT_S) -> LiveFigures:
        """Return the newest figures; before the first are there, wait `wait_s` seconds at most."""
        until = time.monotonic() + wait_s
        for cache in (self._overview, self._earnings, self._mining):
            cache.begin()
        overview = self._overview.get(wait_s)
        mining = self._mining.get(max(0.0, until - time.monotonic()))
        checks = self._doctor.get().value if self._may_begin_doctor() else None
        earnings = self._earnings.get().value
        return LiveFigures(overview.value, earnings, mining.value, checks, overview.problem)

    def _may_begin_doctor(self) -> bool:
        """Return whether the first page has gone out: a dozen checks at once would make it seconds late."""
        now = time.monotonic()
        if self._first_read_at is None:
            self._first_read_at = now
        return now - self._first_read_at >= DOCTOR_AFTER_S


def _at_least(seconds: float) -> Callable[[float], float]:
    return lambda took_s: max(seconds, _TIMES_CHEAPER * took_s)
