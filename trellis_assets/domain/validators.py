"""Validators of the subnet: what the metagraph says of one, and which are due to be polled."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.clock_offset import Offset, validators_time
from trellis_assets.domain.clock_skew import is_ahead
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing
from trellis_assets.domain.scheduling.worth import Worth, best_first, worth_of
from trellis_assets.system.compat import UTC

# No validator may silence a miner for longer than this by a large number.
MAX_COOLDOWN = timedelta(hours=24)
# A validator that was due for so long without being polled goes first, whatever its tasks are worth.
LONGEST_LEFT_OUT = timedelta(hours=1)
_EVER = datetime.min.replace(tzinfo=UTC)


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
        """Return whether the neuron has published an address."""
        return self.ip not in {"", "0.0.0.0", "::"} and self.port > 0  # noqa: S104


@dataclass(frozen=True, slots=True)
class PollTimes:
    """What the store knows of one miner's next poll of a validator.

    Attributes:
        next_poll_at: not before this time, by our own interval or back-off.
        cooldown_until: not before this time, by the validator's own rule.
        accepted, submitted: results that it accepted, of those it was sent.
    """

    next_poll_at: datetime | None = None
    cooldown_until: datetime | None = None
    accepted: int = 0
    submitted: int = 0

    @property
    def waits_since(self) -> datetime:
        """Return since when a due validator has been due; one that was never polled waits longest."""
        limits = [t for t in (self.next_poll_at, self.cooldown_until) if t is not None]
        return max(limits, default=_EVER)

    def due_at(self, now: datetime, spacing: PollSpacing) -> datetime | None:
        """Return when the next poll may happen; None means at once.

        A time further ahead than its own maximum was stored before the clock was set back: it does not count.
        A cooldown was given in the validator's time, and converted to our clock when it came.

        Example:
            A failing validator whose next poll is 10 min ahead is due then, and not now: `spacing` bounds it
            by its own back-off, of 11 min with jitter. One 5 h ahead is due now.
        """
        limits = ((self.next_poll_at, spacing.maximum), (self.cooldown_until, MAX_COOLDOWN))
        return max((t for t, longest in limits if t is not None and is_ahead(t, now, longest)), default=None)


@dataclass(frozen=True, slots=True)
class PollRecord:
    """How the last poll of a validator went.

    Attributes:
        outcome: name of the answer, such as `CoolingDown`; None before the first.
        reason: why it failed, in the peer's words where there are any; None where it did not fail.
    """

    hotkey: str
    uid: int
    times: PollTimes
    outcome: str | None = None
    reason: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EligibilityPolicy:
    """Which neurons are polled.

    Attributes:
        min_stake: of the chain's stake weight (alpha plus a share of TAO, `metagraph.S`), not TAO; the
            reference miner's floor for validators.
        require_permit: poll only neurons that may validate.
    """

    min_stake: float = 1000.0
    require_permit: bool = True


USUAL_SPACING = PollSpacing()


def is_eligible(validator: Validator, policy: EligibilityPolicy, miner_hotkey: str) -> bool:
    """Return whether the miner would ever poll this validator."""
    return (
        validator.is_serving
        and validator.hotkey != miner_hotkey
        and validator.stake >= policy.min_stake
        and (validator.validator_permit or not policy.require_permit)
    )


def due_validators(
    validators: Iterable[Validator],
    poll_times: dict[str, PollTimes],
    policy: EligibilityPolicy,
    miner_hotkey: str,
    now: datetime,
    *,
    spacing: PollSpacing = USUAL_SPACING,
) -> list[Validator]:
    """Return the validators to poll now, the one with the most to expect first.

    Of those that are worth the same the one that has been due longest goes first, or with more work on
    offer than the generator can do, some would never be polled. One that has been due for `LONGEST_LEFT_OUT`
    goes before all others, so that no validator is left out for ever.

    Args:
        validators: the metagraph.
        poll_times: by hotkey; a validator not listed has never been polled.
        policy: stake floor and permit.
        miner_hotkey: our own hotkey, which is never polled.
        now: aware UTC.
        spacing: bounds stored times.
    """
    due = [
        v
        for v in validators
        if is_eligible(v, policy, miner_hotkey)
        and poll_times.get(v.hotkey, PollTimes()).due_at(now, spacing) is None
    ]

    def times(validator: Validator) -> PollTimes:
        return poll_times.get(validator.hotkey, PollTimes())

    def worth(validator: Validator) -> Worth:
        return worth_of(validator.stake, times(validator).accepted, times(validator).submitted)

    def is_left_out(validator: Validator) -> bool:
        return _EVER < times(validator).waits_since <= now - LONGEST_LEFT_OUT

    def waits_since(validator: Validator) -> datetime:
        return times(validator).waits_since

    left_out = sorted((v for v in due if is_left_out(v)), key=waits_since)
    return left_out + best_first((v for v in due if not is_left_out(v)), worth, waits_since)


def bounded_cooldown(cooldown_until_s: int, now: datetime, offset: Offset | None = None) -> datetime | None:
    """Return the validator's `cooldown_until` (unix seconds) by our clock, or None when it is not ahead.

    Values beyond `MAX_COOLDOWN` are cut to it; zero, negative and past ones mean no cooldown. What remains is
    counted by the validator's clock: with ours 10 minutes ahead of it, a cooldown of 300 s that it names
    still ends in 300 s.

    Args:
        cooldown_until_s: as it came.
        now: by our clock.
        offset: of the validator's clock, as its answer shows it.
    """
    its_now_s = validators_time(offset, now).timestamp()
    # Compared before it is calculated with: it may be too large for a float.
    furthest_s = its_now_s + MAX_COOLDOWN.total_seconds()
    remaining_s = min(max(0, cooldown_until_s), furthest_s) - its_now_s
    return now + min(timedelta(seconds=remaining_s), MAX_COOLDOWN) if remaining_s > 0 else None
