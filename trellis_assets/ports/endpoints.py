"""Generation endpoints: each works on one task at a time, across all processes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.endpoints.breaker import Outcome
from trellis_assets.domain.endpoints.endpoints import Endpoint, Probe
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.endpoints.orientation_trials import OrientationTrials
from trellis_assets.domain.scheduling.prefetch import OtherMinerDemand


class EndpointRepository(Protocol):
    """How well endpoints do: circuit breaker, durations, orientation."""

    def named(self, names: Sequence[str]) -> list[Endpoint]:
        """Return the named endpoints in their order; one that was never used is as new."""
        ...

    def record_probes(self, probes: Sequence[Probe], now: datetime) -> None:
        """Tell the circuit breakers what health probes found."""
        ...

    def record_orientation(self, endpoint: str, scores: Mapping[Orientation, float]) -> OrientationTrials:
        """Add the scores of one model, judged each way up; return all that is known."""
        ...


class SlotRepository(Protocol):
    """Which task an endpoint works on, with a lease."""

    def acquire(
        self, endpoints: Sequence[str], task_key: int, *, now: datetime, until: datetime
    ) -> str | None:
        """Hold the first endpoint that takes work and is free; return None if none is."""
        ...

    def extend(self, endpoint: str, task_key: int, until: datetime) -> bool:
        """Extend the task's lease on the endpoint; return whether the task still held it."""
        ...

    def release(self, endpoint: str, task_key: int, *, now: datetime, outcome: Outcome | None) -> None:
        """Free the endpoint and note how the generation ended; None where that says nothing about it."""
        ...

    def is_next_in_line(self, task_key: int, now: datetime, *, is_extra: bool = False) -> bool:
        """Return whether no other waiting task goes before this one.

        Args:
            task_key: of this one.
            now: aware UTC.
            is_extra: it has a candidate and would make another one: a task without any goes first, unless it
                is worth less.
        """
        ...


class DurationRepository(Protocol):
    """How long the newest tasks took."""

    def generation_s(self) -> float | None:
        """Return the median duration of the newest generations, seconds; None before the first."""
        ...

    def start_s(self) -> float | None:
        """Return the 90th-percentile time from pull to a ready run, seconds; None: not known."""
        ...


class SharedDemandRepository(Protocol):
    """What other miners of the same store have coming."""

    def of_other_miners(
        self, miner_hotkey: str, now: datetime, polled_since: datetime
    ) -> list[OtherMinerDemand]:
        """Return other miners' waiting tasks, and polls that were begun since then."""
        ...
