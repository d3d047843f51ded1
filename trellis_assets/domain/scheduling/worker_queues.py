"""Which worker queue a task's run goes to, and before which others."""

from collections.abc import Sequence
from datetime import timedelta

from trellis_assets.domain.scheduling.priority import ORGANIC_LIFE

# Redis takes 0 first and 9 last.
LAST_PRIORITY = 9


def queue_for(task_key: int, attempt: int, queues: Sequence[str]) -> str:
    """The queue of a task's run: tasks in turn, and each further attempt at the next queue.

    A run that found no worker, or a dying one, is started anew somewhere else.

    Args:
        task_key: key of the task's row.
        attempt: number of the attempt, from 0.
        queues: at least one, the same order in every process.
    """
    return queues[(task_key + attempt) % len(queues)]


def run_priority(stake: float, largest_stake: float, age: timedelta = timedelta(0)) -> int:
    """0 (first) to 9 (last), by the validator's stake against the largest among all.

    The nearer its validator's deadline, the further to the front: a run that is started anew, by its
    task's age. Past the deadline only the stake counts. A task without a validator comes last.

    Args:
        stake: of the task's validator, TAO.
        largest_stake: of any validator, TAO.
        age: since the task was pulled.
    """
    if stake <= 0 or largest_stake <= 0:
        return LAST_PRIORITY
    by_stake = LAST_PRIORITY - round(LAST_PRIORITY * min(1.0, stake / largest_stake))
    gone = age / ORGANIC_LIFE
    return round(by_stake * (1 - gone)) if 0 < gone < 1 else by_stake


def describe_unserved(queues: Sequence[str]) -> str:
    """That none of these queues has a worker."""
    return f"no worker executes runs of {', '.join(queues)}"
