"""Who may be asked now, and who first."""

from datetime import timedelta

import pytest

from trellis_assets.domain.validators import EligibilityPolicy, PollTimes, bounded_cooldown, due_validators
from trellis_assets.testing.fakes import MINER, NOW, a_validator

POLICY = EligibilityPolicy()
SOON = NOW + timedelta(seconds=5)


def test_the_highest_stake_is_polled_first() -> None:
    small, large = a_validator(1, stake=2000.0), a_validator(2, stake=9000.0)
    assert due_validators([small, large], {}, POLICY, MINER, NOW) == [large, small]


@pytest.mark.parametrize(
    "changes",
    [
        {"stake": 999.0},
        {"validator_permit": False},
        {"ip": "0.0.0.0"},
        {"port": 0},
        {"hotkey": MINER},
    ],
)
def test_neurons_that_are_not_eligible_are_never_polled(changes: dict[str, object]) -> None:
    assert due_validators([a_validator(1, **changes)], {}, POLICY, MINER, NOW) == []


def test_a_neuron_without_permit_is_polled_when_none_is_required() -> None:
    neuron = a_validator(1, validator_permit=False)
    assert due_validators([neuron], {}, EligibilityPolicy(require_permit=False), MINER, NOW) == [neuron]


@pytest.mark.parametrize("times", [PollTimes(next_poll_at=SOON), PollTimes(cooldown_until=SOON)])
def test_interval_and_cooldown_each_delay_the_next_poll(times: PollTimes) -> None:
    validator = a_validator(1)
    known = {validator.hotkey: times}
    assert due_validators([validator], known, POLICY, MINER, NOW) == []
    assert due_validators([validator], known, POLICY, MINER, SOON) == [validator]


def test_a_cooldown_is_bounded_and_past_ones_do_not_count() -> None:
    assert bounded_cooldown(0, NOW) is None
    assert bounded_cooldown(-5, NOW) is None
    assert bounded_cooldown(int(NOW.timestamp()), NOW) is None
    assert bounded_cooldown(int(NOW.timestamp()) + 300, NOW) == NOW + timedelta(seconds=300)
    assert bounded_cooldown(10**30, NOW) == NOW + timedelta(hours=24)
