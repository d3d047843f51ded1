"""Everything that the miner must not forget."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from trellis_assets.domain.clock_offset import Offset
from trellis_assets.domain.endpoints.endpoints import Endpoint, Outcome, Probe
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.endpoints.orientation_trials import OrientationTrials
from trellis_assets.domain.metagraph_reads import MetagraphRead
from trellis_assets.domain.statistics import StatisticsSnapshot, ValidatorCounters
from trellis_assets.domain.tasks import TaskState
from trellis_assets.domain.validators import PollRecord, PollTimes, Validator
from trellis_assets.ports.tasks import TaskTable


class ClaimLostError(RuntimeError):
    """Another run has taken the task over: whatever this one does with it no longer counts."""


class WrongHotkeyError(RuntimeError):
    """A process was handed the task of another miner: it cannot sign for it."""


class StoreError(RuntimeError):
    """The store cannot be used as it is (another version, unreachable); says what to do."""


class StoreGoneError(StoreError):
    """The store's file was deleted or replaced while it is open: nothing more may be written to it."""


class PollStore(Protocol):
    """Validators, and when each may be asked."""

    def save_validators(
        self, validators: Iterable[Validator], now: datetime, *, source: str | None = None
    ) -> None:
        """Store the metagraph, and which source it was read from."""
        ...

    def metagraph_read(self, source: str) -> MetagraphRead:
        """How reads of the metagraph from the source went."""
        ...

    def record_metagraph_failure(
        self, source: str, *, failures: int, reason: str, next_read_at: datetime
    ) -> None: ...
    def forget_not_registered(self, miner_hotkey: str) -> int:
        """Forget the cooldowns of validators that did not know the hotkey; return how many."""
        ...

    def listed_validators(self) -> tuple[list[Validator], datetime | None]:
        """The neurons of the last saved metagraph, and when it was saved (None: never)."""
        ...

    def poll_times(self, miner_hotkey: str) -> dict[str, PollTimes]: ...
    def poll_records(self, miner_hotkey: str) -> list[PollRecord]:
        """How the last poll of each listed validator went, the highest stake first."""
        ...

    def poll_failures(self, miner_hotkey: str, hotkey: str) -> int:
        """Return how many polls of the validator failed in a row."""
        ...

    def begin_poll(
        self,
        miner_hotkey: str,
        hotkey: str,
        *,
        next_poll_at: datetime,
        now: datetime,
        max_backoff: timedelta,
        session_id: int | None = None,
    ) -> bool:
        """Claim the next pull from a validator; False if another process was first."""
        ...

    def clock_offsets(self, miner_hotkey: str, since: datetime) -> list[Offset]:
        """How far listed validators' clocks were from ours, as measured since, one of each."""
        ...

    def record_poll(
        self,
        miner_hotkey: str,
        hotkey: str,
        *,
        outcome: str,
        now: datetime,
        reason: str | None = None,
        next_poll_at: datetime | None = None,
        cooldown_until: datetime | None = None,
        violations: int | None = None,
        failures: int | None = None,
        brings_task: bool = False,
        clock: Offset | None = None,
    ) -> None:
        """The answer is stored; where it brings a task, that counts as asked for until it has arrived.

        `reason` says why the poll failed, in the peer's words where there are any.
        """
        ...


class EndpointStore(Protocol):
    """Generation endpoints: each works on one task at a time, across all processes."""

    def acquire_slot(
        self, endpoints: Sequence[str], task_key: int, *, now: datetime, until: datetime
    ) -> str | None:
        """The first endpoint that takes work and is free, now held for the task; None if none is."""
        ...

    def is_next_in_line(self, task_key: int, now: datetime) -> bool:
        """Whether no other waiting task goes before this one."""
        ...

    def endpoints(self, names: Sequence[str], now: datetime) -> list[Endpoint]:
        """The named endpoints in their order; one that was never used is as new."""
        ...

    def record_probes(self, probes: Sequence[Probe], now: datetime) -> None:
        """Breakers know what was found at the doors."""
        ...

    def record_orientation(self, endpoint: str, scores: Mapping[Orientation, float]) -> OrientationTrials:
        """Add the scores of one model, judged each way up, to what is known; return all of it."""
        ...

    def generation_pace(self) -> float | None:
        """How long one of the last generations took, seconds: their median. None before the first."""
        ...

    def start_pace(self) -> float | None:
        """Seconds in which nine of ten of the last tasks had a run ready to generate; None: not known."""
        ...

    def extend_slot(self, endpoint: str, task_key: int, until: datetime) -> bool: ...
    def release_slot(self, endpoint: str, task_key: int, *, now: datetime, outcome: Outcome | None) -> None:
        """The endpoint is free, and knows how the generation ended; None where that says nothing of it."""
        ...


class SessionStore(Protocol):
    """Sessions of mining, and their statistics."""

    def validator_counters(self) -> list[ValidatorCounters]: ...
    def count_by_state(self, session_id: int | None = None) -> dict[TaskState, int]: ...
    def start_session(self, now: datetime, flags: Mapping[str, object]) -> int: ...
    def beginning(self) -> datetime | None:
        """When the first session started; None before it."""
        ...

    def drain_session(self, session_id: int, now: datetime) -> None:
        """From now on the session takes no new task."""
        ...

    def is_draining(self, session_id: int) -> bool: ...
    def end_session(self, session_id: int, now: datetime) -> None: ...
    def statistics(self, session_id: int | None, now: datetime) -> StatisticsSnapshot: ...
    def save_snapshot(self, snapshot: StatisticsSnapshot) -> None: ...


class TaskStore(PollStore, TaskTable, EndpointStore, SessionStore, Protocol):
    """All of them. Each method is one transaction."""
