"""Validators: the metagraph as it was last read, and when each may be polled."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from trellis_assets.domain.clock_offset import Offset
from trellis_assets.domain.metagraph_reads import MetagraphRead
from trellis_assets.domain.validators import PollRecord, PollTimes, Validator


class ValidatorRepository(Protocol):
    """The metagraph as it was last read, and how reads of it went."""

    def save(self, validators: Iterable[Validator], now: datetime, *, source: str | None = None) -> None:
        """Store the metagraph, and which source it was read from."""
        ...

    def listed(self) -> tuple[list[Validator], datetime | None]:
        """Return the neurons of the last stored metagraph, and when it was stored (None: never)."""
        ...

    def metagraph_read(self, source: str) -> MetagraphRead:
        """Return how reads of the metagraph from the source went."""
        ...

    def record_metagraph_failure(
        self, source: str, *, failures: int, reason: str, next_read_at: datetime
    ) -> None:
        """Store that the source could not be read, and when it may be tried again."""
        ...


class PollRepository(Protocol):
    """When each validator may be polled, and how its last poll went."""

    def times(self, miner_hotkey: str) -> dict[str, PollTimes]:
        """Return when each validator may be polled, by its hotkey."""
        ...

    def records(self, miner_hotkey: str) -> list[PollRecord]:
        """Return how the last poll of each listed validator went, the highest stake first."""
        ...

    def failures(self, miner_hotkey: str, hotkey: str) -> int:
        """Return how many polls of the validator failed in a row."""
        ...

    def clock_offset(self, miner_hotkey: str, hotkey: str) -> Offset | None:
        """Return how far the validator's clock was from the poller's at its last poll; None: not known."""
        ...

    def clock_offsets(self, miner_hotkey: str, since: datetime) -> list[Offset]:
        """Return how far listed validators' clocks were from ours, measured since then, one of each."""
        ...

    def begin(
        self,
        miner_hotkey: str,
        hotkey: str,
        *,
        next_poll_at: datetime,
        now: datetime,
        max_backoff: timedelta,
        session_id: int | None = None,
    ) -> bool:
        """Take the right to poll a validator now; return False if another process was first.

        That a task of the validator waits for its answer counts as such.
        """
        ...

    def record(
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
        """Store how a poll ended. One that brings a task stays under way until the task has arrived.

        `reason` says why the poll failed, in the peer's words where there are any.
        """
        ...

    def locked_until(self, miner_hotkey: str, hotkey: str, now: datetime) -> datetime | None:
        """Return when the validator scores a result of the miner again; None: now, as far as is known."""
        ...

    def forget_not_registered(self, miner_hotkey: str) -> int:
        """Forget the cooldowns of validators that did not know the hotkey; return how many."""
        ...
