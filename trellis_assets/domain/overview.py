"""What the start page shows: what ended when and how, by prompts, endpoints and validators."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TypeVar

from trellis_assets.domain.ended_tasks import EndedTask, HourStanding, OutcomeCount
from trellis_assets.domain.shares import Share
from trellis_assets.domain.statistics import ValidatorCounters

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many tasks ended in which state, and the seconds that their generations took."""

    accepted: int = 0
    rejected: int = 0
    handed_back: int = 0
    failed: int = 0
    answer_unknown: int = 0
    kept: int = 0
    generation_s: float = 0.0

    @property
    def tasks(self) -> int:
        """How many ended at all."""
        return self.answered + self.handed_back + self.failed + self.answer_unknown + self.kept

    @property
    def answered(self) -> int:
        """How many results a validator accepted or rejected."""
        return self.accepted + self.rejected

    @property
    def acceptance(self) -> Share:
        """Return the accepted share of the answered results."""
        return Share(self.accepted, self.answered)


_STATES = frozenset(field.name for field in fields(Outcomes)) - {"generation_s"}


def outcomes_of(counts: Iterable[OutcomeCount]) -> Outcomes:
    """Return the sum of the counts."""
    sums: dict[str, int] = defaultdict(int)
    seconds = 0.0
    for count in counts:
        if count.state in _STATES:
            sums[count.state] += count.tasks
            seconds += count.generation_s
    return Outcomes(**sums, generation_s=seconds)


def outcomes_by(counts: Iterable[OutcomeCount], key: Callable[[OutcomeCount], K | None]) -> dict[K, Outcomes]:
    """Return the sums of the counts by a key, those with the most tasks first; without those of no key."""
    groups: dict[K, list[OutcomeCount]] = defaultdict(list)
    for count in counts:
        if (of := key(count)) is not None:
            groups[of].append(count)
    sums = {of: outcomes_of(group) for of, group in groups.items()}
    return dict(sorted(sums.items(), key=lambda pair: -pair[1].tasks))


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures of the start page at a moment.

    Attributes:
        last_hour, hour_before: of the last 60 minutes, and of the same ones a day before.
        last_day, day_before: of the last 24 hours, and of those before.
        by_kind, by_endpoint, by_validator: of the last 24 hours; validators by hotkey.
        counts: of the last 24 hours by hour, for a chart.
        levels: standings of the last 24 hours, oldest first.
        ended: the newest tasks of the last 24 hours, for distributions.
        reasons: why tasks of the last 24 hours were not accepted, with counts, the most frequent first.
        validators: what each miner has seen of each validator, the highest stake first.
        active_tasks: how many there are now.
    """

    taken_at: datetime
    last_hour: Outcomes
    hour_before: Outcomes
    last_day: Outcomes
    day_before: Outcomes
    by_kind: Mapping[str, Outcomes]
    by_endpoint: Mapping[str, Outcomes]
    by_validator: Mapping[str, Outcomes]
    counts: Sequence[OutcomeCount]
    levels: Sequence[HourStanding]
    ended: Sequence[EndedTask]
    reasons: Sequence[tuple[str, int]]
    validators: Sequence[ValidatorCounters]
    active_tasks: int

    @property
    def day(self) -> tuple[datetime, datetime]:
        """Start and end of the last 24 hours."""
        return self.taken_at - DAY, self.taken_at


def span_edges(now: datetime) -> tuple[datetime, ...]:
    """Return the moments that part two days into the four spans that `overview_of` sums."""
    return now - DAY - HOUR, now - DAY, now - HOUR


def overview_of(
    counts: Sequence[OutcomeCount],
    *,
    now: datetime,
    levels: Sequence[HourStanding] = (),
    ended: Sequence[EndedTask] = (),
    reasons: Sequence[tuple[str, int]] = (),
    validators: Sequence[ValidatorCounters] = (),
    active_tasks: int = 0,
) -> Overview:
    """Return the overview of two days of counted outcomes, parted by `span_edges`."""
    spans = [[count for count in counts if count.span == number] for number in range(4)]
    today = [count for count in counts if count.span >= 2]  # noqa: PLR2004 - the last two spans
    return Overview(
        taken_at=now,
        last_hour=outcomes_of(spans[3]),
        hour_before=outcomes_of(spans[1]),
        last_day=outcomes_of(today),
        day_before=outcomes_of(spans[0] + spans[1]),
        by_kind=outcomes_by(today, lambda count: count.kind),
        by_endpoint=outcomes_by(today, lambda count: count.endpoint),
        by_validator=outcomes_by(today, lambda count: count.validator_hotkey),
        counts=today,
        levels=levels,
        ended=ended,
        reasons=reasons,
        validators=validators,
        active_tasks=active_tasks,
    )
