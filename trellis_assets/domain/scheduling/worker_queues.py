"""Worker queues: which one a task's run goes to, and before which other runs."""

from collections.abc import Sequence
from datetime import timedelta

from trellis_assets.domain.scheduling.priority import ORGANIC_LIFE

# Redis takes 0 first and 9 last.
LAST_PRIORITY = 9


def queue_for(task_key: int, attempt: int, queues: Sequence[str]) -> str:
    """Return the queue of a task's run: tasks take turns, and each further attempt takes the next queue.

    A run that found no worker, or a dying one, is thus started again at another place.

    Args:
        task_key: key of the task's row.
        attempt: number of the attempt, from 0.
        queues: at least one, the same order in every process.

    Examples:
        >>> [queue_for(7, attempt, ["east", "west"]) for attempt in (0, 1, 2)]
        ['west', 'east', 'west']
    """
    return queues[(task_key + attempt) % len(queues)]


def run_priority(stake: float, largest_stake: float, age: timedelta = timedelta(0)) -> int:
    """Return the priority of a run, 0 (first) to 9 (last).

    It is 9 * (1 - stake / largest stake) * (1 - age / 600 s), rounded.
    Past the deadline of 600 s only the stake counts. A task without a validator comes last.

    Args:
        stake: of the task's validator, TAO.
        largest_stake: of any validator, TAO.
        age: since the task was pulled.

    Examples:
        >>> run_priority(10_000, 10_000), run_priority(5_000, 10_000), run_priority(0, 10_000)
        (0, 5, 9)
        >>> run_priority(5_000, 10_000, timedelta(seconds=300))  # half of its time is over
        2
    """
    if stake <= 0 or largest_stake <= 0:
        return LAST_PRIORITY
    by_stake = LAST_PRIORITY - round(LAST_PRIORITY * min(1.0, stake / largest_stake))
    gone = age / ORGANIC_LIFE
    return round(by_stake * (1 - gone)) if 0 < gone < 1 else by_stake


def describe_unserved(queues: Sequence[str]) -> str:
    """Return in words that none of these queues has a worker.

    Examples:
        >>> describe_unserved(["east", "west"])
        'no worker executes runs of east, west'
    """
    return f"no worker executes runs of {', '.join(queues)}"
