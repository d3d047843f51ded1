"""Alpha, TAO and money from records of the chain; ranks and the order of removal; cost and shares."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from trellis_assets.domain.earnings.cost import GpuPrice, SessionSpan, gpu_hours
from trellis_assets.domain.earnings.deregistration import (
    PruningCandidate,
    deregistration_risk,
    pruning_position,
)
from trellis_assets.domain.earnings.economy import NeuronEconomy, NeuronRecord, SubnetEconomy, own_neuron
from trellis_assets.domain.earnings.income import Income, daily_rate, income
from trellis_assets.domain.earnings.report import Prices, Usage, earnings_report
from trellis_assets.testing.fakes import MINER, NOW, a_neuron_record

HOUR = timedelta(hours=1)


def at(hour: int, minute: int = 0) -> datetime:
    return NOW.replace(hour=hour, minute=minute)


def read(hour: int, minute: int = 23, **changes: object) -> NeuronRecord:
    moment = at(hour, minute)
    return a_neuron_record(read_at=moment, first_read_at=moment, **changes)


def test_hours_that_follow_one_another_are_counted_whole() -> None:
    records = [read(9), read(10, emission_alpha=3.0), read(11)]
    found = income(records, at(10), at(12))
    assert found.alpha == pytest.approx(2.5 + 1.25), "3 and 1.5 alpha a tempo of 72 minutes"
    assert found.tao == pytest.approx(3.75 * 0.02)
    assert found.hours_read == 2.0


def test_an_hour_that_was_not_read_earns_nothing_and_is_not_counted() -> None:
    found = income([read(9), read(11)], at(9), at(13))
    assert found.hours_read == pytest.approx(2 * 37 / 60), "each from its first read on"


def test_the_current_hour_counts_up_to_now() -> None:
    assert income([read(9), read(10)], at(10), at(10, 30)).hours_read == 0.5


def test_hours_without_a_price_have_alpha_and_no_tao() -> None:
    records = [read(9, price_tao=None), read(10, price_tao=None)]
    found = income(records, at(10), at(11))
    assert (found.alpha, found.tao, found.money(400.0)) == (1.25, None, None)


def test_without_records_nothing_is_claimed() -> None:
    assert income([], at(0), at(12)) == Income(0.0, None, 0.0)


def test_a_day_at_the_last_record_is_twenty_tempos() -> None:
    day = daily_rate(read(9))
    assert (day.alpha, day.tao, day.money(400.0)) == (30.0, 0.6, 240.0)


def a_subnet(*emissions: float, immunity_blocks: int = 0, places: int = 3) -> SubnetEconomy:
    neurons = tuple(
        NeuronEconomy(
            uid=uid,
            hotkey=MINER if uid == 0 else f"5Other{uid}",
            incentive=emission / 100,
            emission_alpha=emission,
            alpha_stake=0.0,
            stake_weight=0.0,
            pruning_score=1.0,
            registered_at_block=1000 + uid,
        )
        for uid, emission in enumerate(emissions)
    )
    return SubnetEconomy(5000, 360, 0.02, immunity_blocks, places, neurons)


def test_our_neuron_is_ranked_among_miners_with_an_incentive() -> None:
    found = own_neuron(a_subnet(2.0, 3.0, 0.0), MINER, source="finney/17", now=NOW)
    assert found is not None
    assert (found.rank, found.miners, found.neurons, found.is_full) == (2, 2, 3, True)
    assert found.pruning_position == 2, "the one without emission goes first"


def test_a_hotkey_that_is_not_registered_has_no_record() -> None:
    assert own_neuron(a_subnet(1.0), "5Nobody", source="finney/17", now=NOW) is None


def test_immunity_is_counted_from_the_registration() -> None:
    found = own_neuron(a_subnet(0.0, 1.0, immunity_blocks=4100), MINER, source="finney/17", now=NOW)
    assert found is not None
    assert found.immune_blocks == 100, "registered at block 1000, read at block 5000"


def test_an_immune_miner_does_not_go_before_us_while_enough_others_are_left() -> None:
    ours = PruningCandidate(0, MINER, 1.0, 10)
    immune = [PruningCandidate(n, f"new{n}", 0.0, 20, is_immune=True) for n in range(1, 5)]
    others = [PruningCandidate(n, f"old{n}", 2.0, 5) for n in range(10, 20)]
    assert pruning_position([ours, *immune, *others], MINER) == 1
    assert pruning_position([ours, *immune, *others[:9]], MINER) == 5, "with ten or fewer left none is spared"


def test_the_owner_is_never_removed() -> None:
    owner = PruningCandidate(0, MINER, 0.0, 0, is_owner=True)
    assert pruning_position([owner, PruningCandidate(1, "b", 5.0, 1)], MINER) is None


@pytest.mark.parametrize(
    ("changes", "is_near"),
    [
        ({"pruning_position": 5}, True),
        ({"pruning_position": 6}, False),
        ({"pruning_position": 1, "neurons": 200}, False),
        ({"pruning_position": None}, False),
        ({"pruning_position": 90, "immune_blocks": 7200}, True),
        ({"pruning_position": 1, "immune_blocks": 7201}, False),
    ],
)
def test_deregistration_is_near_in_a_full_subnet_at_the_lowest_places_or_at_the_end_of_immunity(
    changes: dict[str, int | None], is_near: bool
) -> None:
    assert (deregistration_risk(replace(a_neuron_record(), **changes)) is not None) is is_near  # type: ignore[arg-type]


def test_a_session_that_lost_power_ran_until_its_last_sign_of_life() -> None:
    lost = SessionSpan(at(1), None, at(3), gpus=1)
    running = SessionSpan(at(8), None, at(11, 50), gpus=2)
    assert gpu_hours([lost, running], at(0), at(12), at(12)) == 2 + 2 * 4
    assert gpu_hours([lost, running], at(2), at(9), at(12)) == 1 + 2 * 1


@pytest.mark.parametrize(
    ("price", "an_hour"),
    [
        (GpuPrice(), None),
        (GpuPrice(per_hour=0.4), 0.4),
        (GpuPrice(watts=350.0), None),
        (GpuPrice(watts=350.0, kwh_price=0.3), 0.105),
    ],
)
def test_a_price_that_is_not_known_is_none_and_not_zero(price: GpuPrice, an_hour: float | None) -> None:
    assert price.an_hour() == (pytest.approx(an_hour) if an_hour is not None else None)


def test_a_report_adds_up() -> None:
    validators = (
        Usage("5A", tasks=10, submitted=8, accepted=6, generation_s=1800.0, uid=1, stake=50_000.0),
        Usage("5B", tasks=12, submitted=11, accepted=10, generation_s=3600.0, uid=2, stake=10_000.0),
    )
    found = earnings_report(
        start=at(0),
        end=at(12),
        prices=Prices(GpuPrice(0.4), 400.0, "EUR"),
        neuron=a_neuron_record(),
        income=Income(15.0, 0.3, 12.0),
        gpu_hours=12.0,
        validators=validators,
        recipes=(),
    )
    assert (found.income_money, found.cost) == (pytest.approx(120.0), pytest.approx(4.8))
    assert found.profit == pytest.approx(115.2)
    assert found.cost_per_accepted == pytest.approx(4.8 / 16)
    assert found.busy_share == pytest.approx(1.5 / 12)
    assert [each.income_share for each in found.validators] == [0.75, 0.25]
    assert sum(each.cost or 0.0 for each in found.validators) == pytest.approx(found.total.cost)
    assert found.daily_money == pytest.approx(240.0)
