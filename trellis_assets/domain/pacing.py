"""How far pulls run ahead of the generator: a free endpoint never waits, and no task grows stale."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from trellis_assets.domain.tasks import TaskState

# A run ahead of more tasks than this would let the last ones wait whatever the pace is thought to be.
MOST_AHEAD_PER_ENDPOINT = 6
# Below it a generation counts as this long: the rest of the pipeline cannot start more.
SHORTEST_GENERATION_S = 0.05


@dataclass(frozen=True, slots=True)
class TaskInHand:
    """An unfinished task, as far as polling and pacing look at it."""

    key: int
    miner_hotkey: str
    validator_hotkey: str | None
    state: TaskState
    generating_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things go here.

    Attributes:
        generation_s: how long a generation takes; None while there is no experience.
        lead_s: from asking a validator to a generation that could start.
    """

    generation_s: float | None
    lead_s: float


def tasks_wanted(in_hand: Iterable[TaskInHand], *, endpoints: int, pace: Pace, now: datetime) -> int:
    """How many more tasks the generator could begin with by the time they would be here.

    Args:
        in_hand: all unfinished tasks.
        endpoints: generation endpoints that take work.
        pace: how fast things go.
        now: aware UTC.
    """
    tasks = list(in_hand)
    waiting = sum(task.state is TaskState.PULLED for task in tasks)
    ends = sorted(
        _remaining_s(task.generating_since, pace, now) for task in tasks if task.state is TaskState.GENERATING
    )
    free = max(0, endpoints - len(ends))
    # More generations than endpoints are leases of dead workers: the longest of them do not count.
    starts = sum(_starts(end_s, pace) for end_s in [0.0] * free + ends[: endpoints - free])
    return max(0, starts - waiting)


def _remaining_s(since: datetime | None, pace: Pace, now: datetime) -> float:
    """Until the generation is expected to end: 0 when it is overdue or nobody knows."""
    if since is None or pace.generation_s is None:
        return 0.0
    return max(0.0, pace.generation_s - (now - since).total_seconds())


def _starts(free_in_s: float, pace: Pace) -> int:
    """How many generations one endpoint can begin with within the lead."""
    spare_s = pace.lead_s - free_in_s
    if spare_s < 0:
        return 0
    if pace.generation_s is None:
        return 1
    more = spare_s / max(pace.generation_s, SHORTEST_GENERATION_S)
    return min(MOST_AHEAD_PER_ENDPOINT, 1 + int(more))
