"""What the chain pays is read in its units, and what cannot be understood stops no mining."""

from pathlib import Path
from typing import Any

import pytest

from trellis_assets.adapters.bittensor.chain_economy import parse_economy
from trellis_assets.adapters.bittensor.chain_neurons import parse_metagraph_fields
from trellis_assets.adapters.bittensor.economy_file import (
    economy_as_json,
    economy_file,
    read_economy_file,
)
from trellis_assets.testing.chain_subnet import ChainNeuron, metagraph_fields

ALICE, BOB = "5" + "A" * 47, "5" + "B" * 47


def fields_of(**changes: Any) -> dict[str, Any]:
    neurons = [
        ChainNeuron(ALICE, incentive=1.0, emission=1.5, alpha=2.0, stake=3.0, registered_at=9),
        ChainNeuron(BOB),
    ]
    return metagraph_fields(neurons, netuid=17, block=5, owner=BOB) | changes


def test_rao_become_alpha_and_tao() -> None:
    economy, fault = parse_economy(fields_of(), 20_000_000)
    assert fault is None
    assert economy is not None
    alice = economy.neurons[0]
    assert (alice.incentive, alice.emission_alpha, alice.alpha_stake, alice.stake_weight) == (1, 1.5, 2, 3)
    assert (economy.price_tao, economy.tempo_blocks, economy.owner_hotkey) == (0.02, 360, BOB)


@pytest.mark.parametrize("score", [[], None])
def test_a_runtime_without_pruning_scores_says_one_of_all(score: list[int] | None) -> None:
    economy, _fault = parse_economy(fields_of(pruning_score=score))
    assert economy is not None
    assert [neuron.pruning_score for neuron in economy.neurons] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"emission": None}, "emission"),
        ({"emission": [1]}, "differ in length"),
        ({"emission": [-1, 0]}, "emission.0"),
        ({"emission": [2**64, 0]}, "emission.0"),
        ({"incentives": [65_536, 0]}, "incentives.0"),
        ({"tempo": 0}, "tempo"),
        ({"block": None}, "block"),
        ({"block_at_registration": ["1", 2]}, "block_at_registration.0"),
    ],
)
def test_an_answer_that_is_not_understood_leaves_the_validators_and_no_earnings(
    changes: dict[str, Any], named: str
) -> None:
    fields = fields_of(**changes)
    reading = parse_metagraph_fields(fields, is_public=True)
    assert [neuron.hotkey for neuron in reading.neurons] == [ALICE, BOB]
    assert reading.economy is None
    assert named in str(reading.economy_fault)


@pytest.mark.parametrize("fields", [None, 7, [1, 2], "metagraph"])
def test_anything_else_is_no_metagraph(fields: Any) -> None:
    assert parse_economy(fields) == (None, "not a metagraph")


def test_a_pool_without_alpha_has_no_price() -> None:
    economy, _fault = parse_economy(fields_of(alpha_in=0))
    assert economy is not None
    assert economy.price_tao is None


def test_a_file_beside_the_metagraph_holds_the_same(tmp_path: Path) -> None:
    metagraph = tmp_path / "metagraph.json"
    assert read_economy_file(metagraph) == (None, None)
    economy, _fault = parse_economy(fields_of(), 20_000_000)
    assert economy is not None
    economy_file(metagraph).write_text(economy_as_json(economy))
    assert read_economy_file(metagraph) == (economy, None)
    economy_file(metagraph).write_text('{"block": NaN}')
    found, fault = read_economy_file(metagraph)
    assert found is None
    assert "economy.json" in str(fault)
