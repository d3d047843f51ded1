"""Prefetch: how many tasks to pull ahead, so that no free endpoint waits and no task grows old.

A task takes the lead time from the poll to a generation that could start. As many tasks are pulled ahead as
generations will start within the lead time, less those that wait already.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.endpoints.breaker import BreakerState
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.endpoints.selection import taking_work
from trellis_assets.domain.tasks import TaskState

# More tasks ahead of one endpoint than this would make the last ones wait, whatever its pace.
MOST_AHEAD_PER_ENDPOINT = 6
# A shorter generation counts as this long: the rest of the pipeline cannot start more.
SHORTEST_GENERATION_S = 0.05
# How long a run takes to start: what is assumed before the first, and the most that is believed.
START_S, LONGEST_START_S = 0.3, 10.0
# A task that no run has taken up by then waits for a worker, and not for an endpoint.
PROMPT_START = timedelta(seconds=2)
# A task that comes too late costs an idle endpoint; one that comes too early waits for so much longer.
SPARE_S = 0.1


@dataclass(frozen=True, slots=True)
class ActiveTask:
    """A task that has not ended, as far as polling needs to know it."""

    key: int
    miner_hotkey: str
    validator_hotkey: str | None
    state: TaskState


# Under this name a session stores the names of its generator's endpoints, for the other miners of its store.
ENDPOINTS_FLAG = "endpoints"


@dataclass(frozen=True, slots=True)
class OtherMinerDemand:
    """What a session of another miner of the same store will generate next.

    Attributes:
        tasks: those that wait for a generation, and polls under way that may bring one.
        endpoints: of that miner's generator; None: not known.
    """

    tasks: int
    endpoints: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things go here.

    Attributes:
        generation_s: seconds of a generation, at any endpoint; None before the first one.
        lead_s: seconds from a poll to a generation that could start.
    """

    generation_s: float | None
    lead_s: float


def lead_s(start_s: float | None, pulls_s: Sequence[float], cadence_s: float) -> float:
    """Return the lead time: seconds from now to the generation of a task that is polled for now.

    Args:
        start_s: 90th-percentile time from pull to a ready run, in seconds; None: not known.
        pulls_s: seconds of the last polls that brought a task; their upper quartile counts.
        cadence_s: seconds until the next check for validators that are due.

    Examples:
        A look every 0.5 s, polls that take up to 0.2 s and runs that start in 0.4 s, with 0.1 s to spare:
        >>> round(lead_s(0.4, [0.1, 0.1, 0.2, 0.2], 0.5), 2)
        1.2
    """
    pull_s = sorted(pulls_s)[len(pulls_s) * 3 // 4] if pulls_s else 0.0
    start_s = START_S if start_s is None else min(start_s + SPARE_S, LONGEST_START_S)
    return cadence_s + pull_s + start_s


def prefetch_count(
    tasks: Sequence[ActiveTask], endpoints: Sequence[Endpoint], *, pace: Pace, now: datetime
) -> int:
    """Return how many more tasks the generator could start by the time they would be here.

    An endpoint whose breaker is open counts for none; one that is half open counts for the one task that
    tries it.

    Args:
        tasks: the active ones.
        endpoints: of the generator.
        pace: how fast things go.
        now: aware UTC.

    Examples:
        Two endpoints that take 4 s, one free and one that began 3 s ago, and a lead time of 1.2 s: each can
        start one task within it. With a task that waits already, one more is to be pulled:
        >>> from trellis_assets.testing.fakes import NOW as now
        >>> busy = Endpoint("b", held_by=1, began_at=now - timedelta(seconds=3), recent_s=(4.0,))
        >>> pool, pace = [Endpoint("a", recent_s=(4.0,)), busy], Pace(4.0, lead_s=1.2)
        >>> waiting = ActiveTask(2, "miner", "validator", TaskState.PULLED)
        >>> prefetch_count([], pool, pace=pace, now=now), prefetch_count([waiting], pool, pace=pace, now=now)
        (2, 1)
    """
    healthy = [e for e in endpoints if e.breaker.state(now) is BreakerState.CLOSED]
    starts = sum(_starts(_free_in_s(e, pace, now), _pace_of(e, pace), pace.lead_s) for e in healthy)
    trials = sum(e.held_by is None for e in taking_work(endpoints, now)) - sum(
        e.held_by is None for e in healthy
    )
    # A task that failed at another endpoint tries a half-open one before a new task does.
    held = {e.held_by for e in endpoints}
    retrying = sum(t.state is TaskState.GENERATING and t.key not in held for t in tasks)
    return max(0, starts + max(0, trials - retrying) - waiting_tasks(tasks))


def task_share(answers: Sequence[bool]) -> float:
    """Return the share of polls that is expected to bring a task, above 0 and up to 1.

    One task is added to what was seen, so that no share is 0.

    Args:
        answers: of the last polls, whether each brought a task. None yet: every poll will.

    Examples:
        >>> task_share([]), task_share([True, False, False]), task_share([False] * 9)
        (1.0, 0.5, 0.1)
    """
    return (sum(answers) + 1) / (len(answers) + 1)


def poll_count(tasks: int, share: float, most: int) -> int:
    """Return how many polls to have under way, so that about so many tasks come.

    Args:
        tasks: that are to come.
        share: of polls that brings a task.
        most: tasks that there is room for, should every validator have one after all.

    Examples:
        One task, where one poll in four brings one, takes four polls; with room for three tasks, three:
        >>> poll_count(1, 0.25, 8), poll_count(1, 0.25, 3)
        (4, 3)
    """
    return max(0, min(int(tasks / share), most))


def competing_tasks(demand: Sequence[OtherMinerDemand], endpoints: Collection[str]) -> int:
    """Return how many tasks of other miners will start at our endpoints before a task that is pulled now.

    A miner with other endpoints too sends ours their share of its tasks; one whose endpoints nobody knows is
    taken to have ours alone.

    Args:
        demand: of the other miners of the store.
        endpoints: names of ours.

    Examples:
        Four tasks of a miner with two endpoints, of which one is ours, and one of an unknown miner:
        >>> competing_tasks([OtherMinerDemand(4, frozenset("ab")), OtherMinerDemand(1, None)], ["a"])
        3
    """
    ours = frozenset(endpoints)
    return sum(math.ceil(other.tasks * _shared(other.endpoints, ours)) for other in demand)


def _shared(theirs: frozenset[str] | None, ours: frozenset[str]) -> float:
    """Return the share of their endpoints that are ours too, 0..1."""
    if not theirs:
        return 1.0
    return len(theirs & ours) / len(theirs)


def waiting_tasks(tasks: Sequence[ActiveTask]) -> int:
    """Return how many wait for their generation.

    Examples:
        >>> states = [TaskState.PULLED, TaskState.GENERATING, TaskState.VALIDATED]
        >>> waiting_tasks([ActiveTask(key, "miner", "validator", state) for key, state in enumerate(states)])
        1
    """
    return sum(task.state is TaskState.PULLED for task in tasks)


def _pace_of(endpoint: Endpoint, pace: Pace) -> float | None:
    """Return the seconds of a generation at the endpoint; before its first, those of all."""
    return endpoint.pace_s if endpoint.pace_s is not None else pace.generation_s


def _free_in_s(endpoint: Endpoint, pace: Pace, now: datetime) -> float:
    """Return the seconds until its generation should end: 0 if it is free, overdue, or not known."""
    generation_s = _pace_of(endpoint, pace)
    if endpoint.held_by is None or endpoint.began_at is None or generation_s is None:
        return 0.0
    return max(0.0, generation_s - (now - endpoint.began_at).total_seconds())


def _starts(free_in_s: float, generation_s: float | None, lead_s: float) -> int:
    """Return how many generations one endpoint can start within the lead time.

    Examples:
        Free in 1 s, with generations of 2 s and a lead time of 4 s: at 1 and 3 s.
        >>> _starts(1.0, 2.0, 4.0)
        2
    """
    spare_s = lead_s - free_in_s
    if spare_s < 0:
        return 0
    if generation_s is None:
        return 1
    more = spare_s / max(generation_s, SHORTEST_GENERATION_S)
    return min(MOST_AHEAD_PER_ENDPOINT, 1 + int(more))
