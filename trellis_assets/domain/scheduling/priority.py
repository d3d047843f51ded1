"""Priority: which of the waiting tasks is generated first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.scheduling.worth import Worth, best_first, worth_of

# A validator drops an organic task this long after it was pulled (PROTOCOL 4.6); a miner cannot tell which
# tasks are organic.
ORGANIC_LIFE = timedelta(seconds=600)


@dataclass(frozen=True, slots=True)
class WaitingTask:
    """A task that waits for a generation endpoint, with its validator's stake and record.

    Attributes:
        stake: of its validator, TAO; 0 without one.
        accepted, submitted: results of this miner that the validator accepted, of those it was sent.
        is_extra: it has a candidate, and waits to make another one.
    """

    key: int
    pulled_at: datetime
    stake: float
    accepted: int
    submitted: int
    is_extra: bool = False


def worth(task: WaitingTask) -> Worth:
    """Return what the task's next candidate is worth, and how surely that is known.

    A second candidate counts only where the first is not accepted: of a validator that accepts a share p,
    1 - p of the task's worth.

    Examples:
        >>> from trellis_assets.testing.fakes import NOW
        >>> found = worth(WaitingTask(1, NOW, stake=5000.0, accepted=10, submitted=10))
        >>> round(found.mean), round(found.deviation)
        (4955, 137)
        >>> round(worth(WaitingTask(1, NOW, 5000.0, accepted=10, submitted=10, is_extra=True)).mean)
        45
    """
    whole = worth_of(task.stake, task.accepted, task.submitted)
    if not task.is_extra or task.stake <= 0:
        return whole
    left = 1 - whole.mean / task.stake
    return Worth(whole.mean * left, whole.deviation * left)


def first_in_line(waiting: Sequence[WaitingTask], generation_s: float, now: datetime) -> WaitingTask:
    """Return the task to generate next.

    First comes a task that would miss its validator's deadline by waiting for one more generation and can
    still meet it; else the one that is worth most; of equals, the one that waits longest, and one without a
    candidate before one that waits to make another.

    Args:
        waiting: at least one.
        generation_s: seconds of a generation.
        now: aware UTC.

    Examples:
        With generations of 10 s a task that was pulled 585 s ago goes before one that is worth more; one that
        was pulled 595 s ago is late whatever is done:
        >>> from trellis_assets.testing.fakes import NOW as now
        >>> def pulled(seconds, stake):
        ...     return WaitingTask(seconds, now - timedelta(seconds=seconds), stake, accepted=0, submitted=0)
        >>> rich = pulled(1, stake=9000.0)
        >>> first_in_line([rich, pulled(585, stake=1000.0)], 10.0, now).key
        585
        >>> first_in_line([rich, pulled(595, stake=1000.0)], 10.0, now).key
        1
    """

    def is_urgent(task: WaitingTask) -> bool:
        left_s = (task.pulled_at + ORGANIC_LIFE - now).total_seconds()
        return not task.is_extra and generation_s <= left_s < 2 * generation_s

    urgent = [task for task in waiting if is_urgent(task)]
    return best_first(urgent or waiting, worth, lambda task: now if task.is_extra else task.pulled_at)[0]
