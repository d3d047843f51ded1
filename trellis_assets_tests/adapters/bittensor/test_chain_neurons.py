"""A decoded metagraph becomes validators of ours, whatever it holds: without a node, everywhere."""

from typing import Any

import pytest
from bittensor.core.chain_data.metagraph_info import SelectiveMetagraphIndex
from hypothesis import given
from hypothesis import strategies as st

from trellis_assets.adapters.bittensor.chain_child import FIELDS
from trellis_assets.adapters.bittensor.chain_neurons import AnswerError, parse_metagraph_fields
from trellis_assets.testing.chain_subnet import ChainNeuron, metagraph_fields
from trellis_assets_tests.chain import a_subnet, ss58

ALICE, BOB = ss58("Alice"), ss58("Bob")


def fields_of(*neurons: ChainNeuron, **changes: Any) -> dict[str, Any]:
    return metagraph_fields(neurons, netuid=17, block=5) | changes


def test_the_numbers_of_the_fields_are_the_sdk_s_own() -> None:
    theirs = {index.name: index.value for index in SelectiveMetagraphIndex}
    ours = {"".join(word.title() for word in name.split("_")): number for name, number in FIELDS.items()}
    assert ours.items() <= theirs.items()


def test_fields_convert_as_the_sdk_s_own_metagraph_converts_them() -> None:
    """The SDK's `Metagraph(sync=False)` holds the same neurons as ours."""
    from trellis_assets.adapters.bittensor.import_guard import bt

    fields = fields_of(*a_subnet(ALICE, BOB))
    theirs = bt.Metagraph(netuid=17, network="finney", sync=False)
    theirs.axons = [
        bt.AxonInfo.from_dict(axon | {"hotkey": hotkey, "coldkey": hotkey})
        for axon, hotkey in zip(fields["axons"], fields["hotkeys"], strict=True)
    ]
    ours = parse_metagraph_fields(fields, is_public=True).neurons
    assert [(n.hotkey, n.ip, n.port) for n in ours] == [(a.hotkey, a.ip, a.port) for a in theirs.axons]
    assert theirs.hotkeys == [n.hotkey for n in ours]


@pytest.mark.parametrize(
    ("neuron", "fault"),
    [
        (ChainNeuron(ALICE, "10.0.0.7", 8091), "private"),
        (ChainNeuron(ALICE, "169.254.169.254", 80), "link-local"),
        (ChainNeuron(ALICE, "127.0.0.1", 8091), "loopback"),
        (ChainNeuron(ALICE, "::ffff:10.0.0.7", 8091), "an IPv4 address inside an IPv6 address"),
        (ChainNeuron(ALICE, "8.8.8.8", 0), "no port"),
    ],
)
def test_a_neuron_at_an_address_that_must_not_be_called_is_listed_without_it(
    neuron: ChainNeuron, fault: str
) -> None:
    reading = parse_metagraph_fields(fields_of(neuron), is_public=True)
    assert not reading.neurons[0].is_serving
    assert reading.faults == {0: fault}


def test_an_ipv4_number_that_is_too_large_is_no_address() -> None:
    neuron = ChainNeuron(ALICE, "2001:db8::1", 8091, ip_type=4)
    (found,) = parse_metagraph_fields(fields_of(neuron), is_public=True).neurons
    assert not found.is_serving


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hotkeys": [ALICE, ALICE]}, "twice"),
        ({"hotkeys": [ALICE, "<script>"]}, "hotkeys.1"),
        ({"hotkeys": None}, "hotkeys"),
        ({"hotkeys": [ALICE]}, "differ in length"),
        ({"total_stake": [float("nan"), 1]}, "total_stake.0"),
        ({"total_stake": [-1, 1]}, "total_stake.0"),
        ({"total_stake": []}, "differ in length"),
        ({"validator_permit": ["yes", True]}, "validator_permit.0"),
        ({"axons": [{"ip": 1, "port": 70_000, "ip_type": 4}] * 2}, "axons.0.port"),
        ({"hotkeys": [ALICE] * 100_000}, "hotkeys"),
    ],
)
def test_an_answer_that_is_not_a_metagraph_is_refused_by_its_field(
    changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(AnswerError, match=named):
        parse_metagraph_fields(fields_of(*a_subnet(ALICE, BOB), **changes), is_public=True)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(FIELDS)), inner),
    max_leaves=20,
)


@given(anything | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, anything)))
def test_whatever_is_decoded_gives_neurons_or_the_named_error(fields: Any) -> None:
    try:
        reading = parse_metagraph_fields(fields, is_public=True)
    except AnswerError:
        return
    assert len(reading.neurons) == len(fields["hotkeys"])
