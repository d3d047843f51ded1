"""How far pulls run ahead of the generator: a free endpoint never waits, and no task grows stale."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.endpoints.endpoints import BreakerState, Endpoint, taking_work
from trellis_assets.domain.tasks import TaskState

# A run ahead of more tasks than this would let the last ones wait whatever the pace is thought to be.
MOST_AHEAD_PER_ENDPOINT = 6
# Below it a generation counts as this long: the rest of the pipeline cannot start more.
SHORTEST_GENERATION_S = 0.05
# How long a run takes to start: what is assumed before the first, and the most that is believed.
START_S, LONGEST_START_S = 0.3, 10.0
# A task that no run has taken up by then waits for a worker, and not for an endpoint.
PROMPT_START = timedelta(seconds=2)
# A task that comes too late is an idle endpoint; one that comes too early waits so much longer.
SPARE_S = 0.1


@dataclass(frozen=True, slots=True)
class ActiveTask:
    """An unfinished task, as far as polling looks at it."""

    key: int
    miner_hotkey: str
    validator_hotkey: str | None
    state: TaskState


# Under it a session notes the names of its generator's endpoints, for the other miners of its store.
ENDPOINTS_FLAG = "endpoints"


@dataclass(frozen=True, slots=True)
class OtherMinerDemand:
    """What other miners of the store have coming, of one of their sessions.

    Attributes:
        tasks: that wait for a generation, and those that a validator is being asked for.
        endpoints: of that miner's generator; None: nobody knows.
    """

    tasks: int
    endpoints: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things go here.

    Attributes:
        generation_s: how long a generation takes, wherever; None while there is no experience.
        lead_s: from asking a validator to a generation that could start.
    """

    generation_s: float | None
    lead_s: float


def lead_s(start_s: float | None, pulls_s: Sequence[float], cadence_s: float) -> float:
    """From now to the generation of a task that is asked for now, seconds.

    Args:
        start_s: in which nine of ten tasks had a run ready to generate; None: not known.
        pulls_s: how long the last pulls took that gave a task; three of four are counted for.
        cadence_s: how long it takes until somebody looks again.
    """
    pull_s = sorted(pulls_s)[len(pulls_s) * 3 // 4] if pulls_s else 0.0
    start_s = START_S if start_s is None else min(start_s + SPARE_S, LONGEST_START_S)
    return cadence_s + pull_s + start_s


def prefetch_count(
    tasks: Sequence[ActiveTask], endpoints: Sequence[Endpoint], *, pace: Pace, now: datetime
) -> int:
    """How many more tasks the generator could begin with by the time they would be here.

    An endpoint that is open counts for none, one that is half open for the one task that tries it.

    Args:
        tasks: in hand.
        endpoints: of the generator.
        pace: how fast things go.
        now: aware UTC.
    """
    well = [e for e in endpoints if e.breaker.state(now) is BreakerState.CLOSED]
    starts = sum(_starts(_free_in_s(e, pace, now), _pace_of(e, pace), pace.lead_s) for e in well)
    trials = sum(e.held_by is None for e in taking_work(endpoints, now)) - sum(
        e.held_by is None for e in well
    )
    # A task that failed elsewhere tries it before a new one does.
    held = {e.held_by for e in endpoints}
    retrying = sum(t.state is TaskState.GENERATING and t.key not in held for t in tasks)
    return max(0, starts + max(0, trials - retrying) - waiting_tasks(tasks))


def task_share(answers: Sequence[bool]) -> float:
    """Which share of pulls is expected to bring a task, above 0 and up to 1.

    Args:
        answers: of the last pulls, whether each brought one. None yet: every pull will.
    """
    return (sum(answers) + 1) / (len(answers) + 1)


def poll_count(tasks: int, share: float, most: int) -> int:
    """How many validators to have asked at a time, so that about so many tasks come.

    Args:
        tasks: that are wanted.
        share: of pulls that brings a task.
        most: tasks that there is room for, should every validator have one after all.
    """
    return max(0, min(int(tasks / share), most))


def competing_tasks(elsewhere: Sequence[OtherMinerDemand], endpoints: Collection[str]) -> int:
    """How many tasks of other miners will begin at one of our endpoints before a task that is pulled now.

    A miner that has other endpoints too sends there its share of them; one of whom nothing is known
    is taken for one that has ours.
    """
    ours = frozenset(endpoints)
    return sum(math.ceil(e.tasks * _shared(e.endpoints, ours)) for e in elsewhere)


def _shared(theirs: frozenset[str] | None, ours: frozenset[str]) -> float:
    """The share of their endpoints that are ours too, 0..1."""
    if not theirs:
        return 1.0
    return len(theirs & ours) / len(theirs)


def waiting_tasks(tasks: Sequence[ActiveTask]) -> int:
    """How many have not been begun with."""
    return sum(task.state is TaskState.PULLED for task in tasks)


def _pace_of(endpoint: Endpoint, pace: Pace) -> float | None:
    """Its own, for endpoints differ; where it has made nothing yet, that of all."""
    return endpoint.pace_s if endpoint.pace_s is not None else pace.generation_s


def _free_in_s(endpoint: Endpoint, pace: Pace, now: datetime) -> float:
    """Until its generation is expected to end: 0 when it is free, overdue, or nobody knows."""
    generation_s = _pace_of(endpoint, pace)
    if endpoint.held_by is None or endpoint.began_at is None or generation_s is None:
        return 0.0
    return max(0.0, generation_s - (now - endpoint.began_at).total_seconds())


def _starts(free_in_s: float, generation_s: float | None, lead_s: float) -> int:
    """How many generations one endpoint can begin with within the lead."""
    spare_s = lead_s - free_in_s
    if spare_s < 0:
        return 0
    if generation_s is None:
        return 1
    more = spare_s / max(generation_s, SHORTEST_GENERATION_S)
    return min(MOST_AHEAD_PER_ENDPOINT, 1 + int(more))
