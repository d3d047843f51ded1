"""Counts of events that never go back, for monitoring: what Prometheus calls counters and histograms.

Figures of reports follow the task table, in which a task that its validator serves again leaves the state
that it had. A counter must not go back: monitoring would take the smaller value for a restart, and add all of
it again. So each event is counted once, when it happens, in the transaction that stores it. At any time

    settled(outcome) - reopened(outcome) = tasks in that state, rows and archived ones together
"""

import math
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from trellis_assets.domain.tasks import TaskState, is_final
from trellis_assets.system.compat import StrEnum


class Event(StrEnum):
    """What is counted. Of durations and scores, values are counted by bucket, and summed up."""

    PULLED = "pulled"
    SETTLED = "settled"
    REOPENED = "reopened"
    QUEUE_S = "queue_s"
    GENERATION_S = "generation_s"
    VALIDATION_S = "validation_s"
    SUBMISSION_S = "submission_s"
    FIDELITY = "fidelity"


SUM, INFINITE = "sum", "+Inf"
_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
# Validators accept from 0.6 on.
_SCORES = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
BUCKETS: Mapping[Event, tuple[float, ...]] = {
    Event.QUEUE_S: _SECONDS,
    Event.GENERATION_S: _SECONDS,
    Event.VALIDATION_S: _SECONDS,
    Event.SUBMISSION_S: _SECONDS,
    Event.FIDELITY: _SCORES,
}
# The stages of a task by the names that reports have for them.
STAGE_EVENTS: Mapping[str, Event] = {
    "queue": Event.QUEUE_S,
    "generation": Event.GENERATION_S,
    "validation": Event.VALIDATION_S,
    "submission": Event.SUBMISSION_S,
}


class EventKey(NamedTuple):
    """One count.

    Attributes:
        validator_hotkey: empty for tasks of no validator, and for durations, which are counted per miner.
        detail: the outcome of a settled task, the upper bound of a bucket, or `SUM`.
    """

    miner_hotkey: str
    validator_hotkey: str
    event: str
    detail: str = ""


def transition(before: TaskState | None, after: TaskState) -> list[tuple[Event, str]]:
    """Return what a task's move from one state to another counts as.

    Args:
        before: None for a task that is new.
        after: the state that it is in now.

    Examples:
        A lost answer that turns out to be an acceptance leaves one outcome for another:

        >>> " -> ".join(detail for _, detail in transition(TaskState.ANSWER_UNKNOWN, TaskState.ACCEPTED))
        'answer_unknown -> accepted'
    """
    counted = [] if before is not None else [(Event.PULLED, "")]
    if before is not None and is_final(before):
        counted.append((Event.REOPENED, str(before)))
    if is_final(after):
        counted.append((Event.SETTLED, str(after)))
    return counted


def bucket(event: Event, value: float) -> str:
    """Return the name of the bucket of a value: its upper bound, which belongs to it.

    >>> bucket(Event.GENERATION_S, 2.5), bucket(Event.GENERATION_S, 2.6), bucket(Event.GENERATION_S, 1e6)
    ('2.5', '5.0', '+Inf')
    """
    return next((str(bound) for bound in BUCKETS[event] if value <= bound), INFINITE)


def observation(event: Event, value: float | None) -> Iterator[tuple[str, float]]:
    """Yield the details that a value is counted under, with what is added; nothing for no number."""
    if value is None or not math.isfinite(value) or value < 0:
        return
    yield bucket(event, value), 1.0
    yield SUM, value


def cumulative(event: Event, counts: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return a histogram as Prometheus wants it: for each bound, how many values are not above it.

    Args:
        event: whose bounds count.
        counts: by bucket, each value in one.
    """
    names = [*map(str, BUCKETS[event]), INFINITE]
    return list(zip(names, accumulate(counts.get(name, 0.0) for name in names), strict=True))
