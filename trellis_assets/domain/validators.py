"""Validators of the subnet: what the metagraph says of one, and which may be asked for work now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Validator:
    """A neuron as the metagraph lists it. Identity is the hotkey: a uid changes hands."""

    uid: int
    hotkey: str
    ip: str
    port: int
    stake: float
    trust: float = 0.0
    consensus: float = 0.0
    validator_permit: bool = True

    @property
    def is_serving(self) -> bool:
        """Whether the neuron has published an address at all."""
        return self.ip not in {"", "0.0.0.0"} and self.port > 0  # noqa: S104


@dataclass(frozen=True, slots=True)
class PollTimes:
    """What the store knows of one miner's next pull from a validator.

    Attributes:
        next_poll_at: not before this time, by our own pull interval or after an error.
        cooldown_until: not before this time, by the validator's word.
    """

    next_poll_at: datetime | None = None
    cooldown_until: datetime | None = None

    def due_at(self) -> datetime | None:
        """When the next pull may happen; None means at once."""
        times = [t for t in (self.next_poll_at, self.cooldown_until) if t is not None]
        return max(times) if times else None


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """Who may be asked. `min_stake` in TAO is the reference miner's floor for validators."""

    min_stake: float = 1000.0
    require_permit: bool = True


def may_be_asked(validator: Validator, policy: PollPolicy, miner_hotkey: str) -> bool:
    """Whether the validator is one this miner would ever pull from."""
    return (
        validator.is_serving
        and validator.hotkey != miner_hotkey
        and validator.stake >= policy.min_stake
        and (validator.validator_permit or not policy.require_permit)
    )


def is_due(times: PollTimes, now: datetime) -> bool:
    """Whether neither our interval nor the validator's cooldown forbids a pull now."""
    due_at = times.due_at()
    return due_at is None or due_at <= now


def due_validators(
    validators: Iterable[Validator],
    poll_times: dict[str, PollTimes],
    policy: PollPolicy,
    miner_hotkey: str,
    now: datetime,
) -> list[Validator]:
    """Validators to poll in this tick, the highest stake first.

    Args:
        validators: the metagraph.
        poll_times: by hotkey; a validator not listed has never been asked.
        policy: stake floor and permit.
        miner_hotkey: our own hotkey, which is never asked.
        now: aware UTC.
    """
    due = [
        v
        for v in validators
        if may_be_asked(v, policy, miner_hotkey) and is_due(poll_times.get(v.hotkey, PollTimes()), now)
    ]
    return sorted(due, key=lambda v: (-v.stake, v.uid))


# A validator's word is bounded: nobody may silence a miner for longer than this by a large number.
MAX_COOLDOWN = timedelta(hours=24)


def bounded_cooldown(cooldown_until_s: int, now: datetime) -> datetime | None:
    """The validator's `cooldown_until` (unix seconds) as a time, or None when it is not ahead.

    Values beyond `MAX_COOLDOWN` are cut to it; zero, negative and past ones mean no cooldown.
    """
    # A stranger's integer may be too large for a float.
    remaining_s = min(max(0, cooldown_until_s), 2**53) - now.timestamp()
    if remaining_s <= 0:
        return None
    return now + min(timedelta(seconds=min(remaining_s, MAX_COOLDOWN.total_seconds())), MAX_COOLDOWN)
