"""Which of the waiting tasks is generated first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# A validator drops an organic task this long after it came (PROTOCOL 4.6); which task is organic,
# the miner is not told.
ORGANIC_LIFE = timedelta(seconds=600)
# A validator that never answered a result counts as one that accepted this share of them.
UNKNOWN_ACCEPTANCE = 0.9


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


def expected_reward(task: WaitingTask) -> float:
    """What the task is worth: weights follow validators' stakes, and only accepted results count.

    The acceptance is smoothed as if one more result had come out with `UNKNOWN_ACCEPTANCE`.
    """
    acceptance = (task.accepted + UNKNOWN_ACCEPTANCE) / (task.submitted + 1)
    return task.stake * acceptance


def first_in_line(waiting: Sequence[WaitingTask], generation_s: float, now: datetime) -> WaitingTask:
    """The task to generate next; ties go to who waits longest.

    A task comes first when it would miss its validator's deadline by waiting for one more
    generation and can still make it; else the one that is worth most.

    Args:
        waiting: at least one.
        generation_s: how long a generation takes.
        now: aware UTC.
    """

    def rank(task: WaitingTask) -> tuple[bool, float, datetime]:
        left_s = (task.pulled_at + ORGANIC_LIFE - now).total_seconds()
        is_urgent = generation_s <= left_s < 2 * generation_s
        return (not is_urgent, -expected_reward(task), task.pulled_at)

    return min(waiting, key=rank)
