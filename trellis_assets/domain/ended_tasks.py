"""Ended tasks as charts and the start page count them: groups, levels, and few columns of single tasks."""

from datetime import datetime
from typing import NamedTuple


class OutcomeCount(NamedTuple):
    """How many tasks of one kind ended alike in one hour.

    Attributes:
        hour: start of the hour, UTC.
        span: number of the span between the edges of the question; 0 where it had none.
        state: in which they ended.
        kind: of their prompts, text or image.
        endpoint: that made their models; None where none was made.
        validator_hotkey: of the validator that gave them; None for default prompts.
        generation_s: seconds that their generations took in all.
    """

    hour: datetime
    span: int
    state: str
    kind: str
    endpoint: str | None
    validator_hotkey: str | None
    tasks: int
    generation_s: float


class HourStanding(NamedTuple):
    """Our standing with a validator by its last feedback in an hour.

    Attributes:
        standing: a level, accepted results of the last four hours times a rating.
    """

    miner_hotkey: str
    validator_hotkey: str
    validator_uid: int | None
    hour: datetime
    standing: float


class EndedTask(NamedTuple):
    """What distributions are made of: scores from 0 to 1, durations in seconds, None where there is none."""

    state: str
    validator_uid: int | None
    local_score: float | None
    fidelity: float | None
    queue_s: float | None
    generation_s: float | None
    validation_s: float | None
    submission_s: float | None
