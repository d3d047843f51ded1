"""Which of the waiting tasks is generated first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.scheduling.worth import Worth, best_first, worth_of

# A validator drops an organic task this long after it came (PROTOCOL 4.6); which task is organic,
# the miner is not told.
ORGANIC_LIFE = timedelta(seconds=600)


@dataclass(frozen=True, slots=True)
class WaitingTask:
    """A task that waits for a generation endpoint, with what its validator is worth.

    Attributes:
        stake: of its validator, TAO; 0 without one.
        accepted, submitted: results of this miner that the validator accepted, of those it was sent.
    """

    key: int
    pulled_at: datetime
    stake: float
    accepted: int
    submitted: int


def worth(task: WaitingTask) -> Worth:
    """Return what the task is worth, and how surely that is known."""
    return worth_of(task.stake, task.accepted, task.submitted)


def first_in_line(waiting: Sequence[WaitingTask], generation_s: float, now: datetime) -> WaitingTask:
    """Return the task to generate next; of those worth as much as the best, the one that waits longest.

    A task comes first when it would miss its validator's deadline by waiting for one more
    generation and can still make it; else the one that is worth most. With generations of 10 s a task
    that was pulled 585 s ago goes first; one that was pulled 595 s ago is late whatever is done.

    Args:
        waiting: at least one.
        generation_s: how long a generation takes.
        now: aware UTC.
    """

    def is_urgent(task: WaitingTask) -> bool:
        left_s = (task.pulled_at + ORGANIC_LIFE - now).total_seconds()
        return generation_s <= left_s < 2 * generation_s

    urgent = [task for task in waiting if is_urgent(task)]
    return best_first(urgent or waiting, worth, lambda task: task.pulled_at)[0]
