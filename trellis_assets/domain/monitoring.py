"""What monitoring reads of the store at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from trellis_assets.domain.earnings.economy import NeuronRecord
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.event_counts import EventKey


@dataclass(frozen=True, slots=True)
class MonitoredValidator:
    """What one miner knows of one validator.

    Attributes:
        uid, stake: None where it was never in a metagraph.
        is_listed: it is in the last metagraph.
        polls: in all.
        poll_failures: in a row.
        standing: the reward that its last feedback named, a level.
        average: its own average of our scores, 0..1.
        window: results that it accepted in the last four hours, as its last feedback said.
    """

    miner_hotkey: str
    hotkey: str
    uid: int | None
    stake: float | None
    is_listed: bool
    polls: int
    poll_failures: int
    standing: float | None
    average: float | None
    window: int | None
    duel_rating: float | None
    cooldown_until: datetime | None
    cooldown_violations: int
    answered_at: datetime | None
    last_task_at: datetime | None


@dataclass(frozen=True, slots=True)
class MonitoredRead:
    """How reads of the metagraph from one source went."""

    source: str
    read_at: datetime | None
    failures: int


@dataclass(frozen=True, slots=True)
class MonitoringFacts:
    """Everything that is exported of the store, of one consistent state.

    Attributes:
        events: counts since the store was made.
        active: unfinished tasks by miner and state; absent where there are none.
        neurons: of our miners, as the chain was last read.
    """

    read_at: datetime
    events: Mapping[EventKey, float] = field(default_factory=dict)
    validators: Sequence[MonitoredValidator] = ()
    endpoints: Sequence[Endpoint] = ()
    active: Mapping[tuple[str, str], int] = field(default_factory=dict)
    metagraph_reads: Sequence[MonitoredRead] = ()
    neurons: Sequence[NeuronRecord] = ()
