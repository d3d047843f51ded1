"""The local subnet pays by the subnet's weights, so that earnings can be seen without a chain."""

import json
import math
import threading
from pathlib import Path

import pytest

from trellis_assets.adapters.bittensor.economy_file import read_economy_file
from trellis_assets.adapters.local_subnet.economy import (
    ACCEPTED_OF_SIMULATED,
    MINERS_ALPHA_A_TEMPO,
    ValidatorWeights,
    incentives,
    local_economy,
    simulated_miners,
    weights,
)
from trellis_assets.adapters.local_subnet.subnet import SubnetConfig, run_subnet
from trellis_assets.domain.earnings.economy import own_neuron
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.testing.fakes import MINER, NOW
from trellis_assets.testing.waiting import wait_until


class FixedScore:
    """A scorer that is never asked."""

    name = "fixed"

    def problem(self) -> str | None:
        return None

    def validate(self, spz: bytes, *, prompt: str, kind: object) -> Verdict:
        raise AssertionError("nothing is submitted here")


def test_weights_follow_the_rank_of_the_reward_by_the_subnets_formula() -> None:
    found = weights({"first": 30.0, "second": 9000.0, "third": 5.5, "too little": 5.0})
    raw = [0.003 + 0.005 / (1 + math.exp(-0.06 * (rank - 1.5))) for rank in range(3)]
    expected = {name: part / sum(raw) for name, part in zip(("third", "first", "second"), raw, strict=True)}
    assert found == pytest.approx(expected)


def test_a_validator_counts_by_its_stake() -> None:
    large = ValidatorWeights(1, "5A", 75.0, {"a": 100.0})
    small = ValidatorWeights(2, "5B", 25.0, {"b": 100.0})
    assert incentives([large, small]) == {"a": 0.75, "b": 0.25}


def test_our_rank_rises_with_our_accepted_results_and_emission_follows_incentive() -> None:
    simulated = simulated_miners()
    ranks = []
    for accepted in (0, 1, 15, 100):
        basis = [ValidatorWeights(10, "5A", 1000.0, simulated | {MINER: accepted * 1500.0})]
        economy = local_economy(basis, [MINER], sorted(simulated), 1_800_000_000.0)
        assert sum(neuron.incentive for neuron in economy.neurons) == pytest.approx(1.0)
        found = own_neuron(economy, MINER, source="local", now=NOW)
        assert found is not None
        assert found.emission_alpha == pytest.approx(found.incentive * MINERS_ALPHA_A_TEMPO)
        assert not found.is_full
        ranks.append(found.rank)
    assert ranks == [None, len(ACCEPTED_OF_SIMULATED) + 1, 5, 1]


def test_a_running_subnet_writes_what_neurons_are_paid(tmp_path: Path) -> None:
    config = SubnetConfig(tmp_path, frozenset({MINER}), prompts=["a cup"], validators=1)
    stop = threading.Event()
    thread = threading.Thread(target=run_subnet, args=(config, FixedScore, stop))
    thread.start()
    try:
        wait_until((tmp_path / "metagraph.json").exists, timeout_s=60)
        economy, fault = read_economy_file(tmp_path / "metagraph.json")
    finally:
        stop.set()
        thread.join(30)
    assert economy is not None, fault
    (validator,) = json.loads((tmp_path / "metagraph.json").read_text())
    hotkeys = {neuron.hotkey for neuron in economy.neurons}
    assert {MINER, validator["hotkey"], *simulated_miners()} == hotkeys
