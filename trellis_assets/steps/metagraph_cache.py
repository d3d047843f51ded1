"""Metagraph cache: the list of validators between two reads; an outage of the chain stops no mining."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trellis_assets.domain.clock_skew import elapsed
from trellis_assets.domain.metagraph_reads import MetagraphRead
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import Clock, MetagraphError, PollRepository, ValidatorNetwork, ValidatorRepository
from trellis_assets.steps.refresh_validators import (
    MetagraphPolicy,
    RefreshValidatorsStep,
    why_unregistered,
)
from trellis_assets.system.expiring_cache import ExpiringCache

# The stored list is read again after so long, in seconds: another process may have refreshed it.
FRESH_S = 5.0
# How often the metagraph is read while our hotkey may not be registered.
DOUBTFUL_AGE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the store held when it was read."""

    listed: list[Validator]
    saved_at: datetime | None
    read: MetagraphRead


@dataclass(slots=True)
class MetagraphCache:
    """The stored metagraph, at most `longest_age` old while it can be refreshed."""

    stored: ValidatorRepository
    polls: PollRepository
    network: ValidatorNetwork
    clock: Clock
    longest_age: timedelta
    policy: MetagraphPolicy = field(default_factory=MetagraphPolicy)
    _cache: ExpiringCache[_Stored | None] = field(
        default_factory=lambda: ExpiringCache(None, lambda _took_s: FRESH_S)
    )
    _is_doubtful: bool = False

    def validators(self) -> list[Validator]:
        """Return the last list that was stored; empty before the first."""
        return self._read().listed

    def is_old(self) -> bool:
        """Return whether the metagraph is to be read now: not during a back-off."""
        stored, now = self._read(), self.clock.now()
        if not self.policy.backoff.is_due(stored.read.next_read_at, now):
            return False
        is_doubtful = self._is_doubtful or self.why_unregistered() is not None
        longest = min(self.longest_age, DOUBTFUL_AGE) if is_doubtful else self.longest_age
        return stored.saved_at is None or elapsed(stored.saved_at, now) >= longest

    def doubt_registration(self) -> None:
        """Read the metagraph sooner: a validator says that it does not know our hotkey."""
        self._is_doubtful = self.policy.registration is not None

    def why_unregistered(self) -> str | None:
        """Return that our hotkey is not registered, and how to register it; None if it is, or unknown."""
        listed = self.validators()
        if self.policy.registration is None or not listed:
            return None
        return why_unregistered(listed, self.network.miner_hotkey, self.policy.registration)

    def problem(self) -> str | None:
        """Return why no validator of this list can be polled; None if one can."""
        stored = self._read()
        if not stored.listed:
            return f"there is no list of validators yet: {stored.read.reason or 'it is being read'}"
        return self.why_unregistered()

    def refresh(self) -> None:
        """Read the metagraph. If it cannot be read, the stored list is used further.

        Raises:
            MetagraphError: there is no list yet, with what to do.
        """
        try:
            RefreshValidatorsStep(self.stored, self.polls, self.network, self.clock, self.policy).run()
            self._is_doubtful = False
        except MetagraphError:
            self._cache.expire()
            if not self.validators():
                raise
        self._cache.expire()

    def _read(self) -> _Stored:
        stored = self._cache.get(self._from_store)
        assert stored is not None
        return stored

    def _from_store(self) -> _Stored:
        listed, saved_at = self.stored.listed()
        read = self.stored.metagraph_read(self.policy.source)
        if not read.is_current:
            listed, saved_at = [], None  # of another network
        return _Stored(listed, saved_at, read)
