"""The chain read by the SDK's own decoding, over a real websocket, in every mode a node can be in."""

import ipaddress
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trellis_assets.adapters.bittensor import metagraph
from trellis_assets.adapters.bittensor.metagraph import read_chain_metagraph, read_metagraph
from trellis_assets.ports import MetagraphError
from trellis_assets.settings import Settings
from trellis_assets.settings.choices import CHAIN_ENDPOINTS
from trellis_assets.system.bare_environment import bare_environment
from trellis_assets.testing.chain_metadata import RuntimeMetadata
from trellis_assets.testing.chain_server import ChainState, Mode, chain_server
from trellis_assets.testing.chain_subnet import ChainNeuron
from trellis_assets_tests.chain import a_subnet, finney_metadata, many, ss58

# A node that never answers is given this long here; one that answers needs about a second.
SHORT_S = 3.0
PATIENT_S = 60.0


@pytest.fixture(scope="module")
def metadata() -> RuntimeMetadata:
    return finney_metadata()


@pytest.fixture
def state() -> ChainState:
    return ChainState(a_subnet(ss58("Alice"), ss58("Bob")))


@pytest.fixture
def settings(state: ChainState, metadata: RuntimeMetadata) -> Iterator[Settings]:
    with chain_server(state, metadata) as url:
        yield Settings.load(network=url)


def test_neurons_are_read_as_the_chain_has_them(state: ChainState, settings: Settings) -> None:
    state.neurons.append(ChainNeuron(ss58("Charlie"), "2001:4860:4860::8888", 9000))
    state.neurons.append(ChainNeuron(ss58("Dave")))
    reading = read_chain_metagraph(settings, deadline_s=PATIENT_S)
    assert reading.block == 7_000_000
    alice, _bob, charlie, dave = reading.neurons
    assert (alice.uid, alice.hotkey, alice.ip, alice.port) == (0, ss58("Alice"), "203.0.114.7", 8091)
    assert (alice.stake, alice.validator_permit) == (5000.5, True)
    assert alice.consensus == pytest.approx(0.5, abs=1e-4)
    assert (charlie.ip, charlie.port, charlie.is_serving) == ("2001:4860:4860::8888", 9000, True)
    assert not dave.is_serving
    assert len(state.calls) <= 16, "a read is two runtime calls, and what decoding needs"


def test_a_whole_subnet_of_256_neurons_is_read(state: ChainState, settings: Settings) -> None:
    state.neurons = a_subnet(*many(256))
    assert len(read_metagraph(settings, deadline_s=PATIENT_S)) == 256


def test_our_stake_is_what_the_sdk_s_own_metagraph_calls_stake(settings: Settings) -> None:
    from trellis_assets.adapters.bittensor.import_guard import bt

    with bt.Subtensor(network=settings.network.network) as subtensor:
        theirs = subtensor.get_metagraph_info(17)
    ours = read_chain_metagraph(settings, deadline_s=PATIENT_S).neurons
    assert [n.hotkey for n in ours] == list(theirs.hotkeys)
    assert [n.stake for n in ours] == [float(stake.tao) for stake in theirs.total_stake]
    addresses = [(int(ipaddress.ip_address(n.ip)), n.port) for n in ours]
    assert addresses == [(axon["ip"], axon["port"]) for axon in theirs.axons]


def test_what_neurons_are_paid_is_what_the_sdk_s_own_metagraph_decodes(
    state: ChainState, settings: Settings
) -> None:
    from trellis_assets.adapters.bittensor.import_guard import bt

    state.neurons = [
        ChainNeuron(ss58("Alice"), permit=True, stake=5000.5, alpha=4000.25, emission=40.5),
        ChainNeuron(ss58("Bob"), incentive=0.75, emission=110.123456789, alpha=7.5, registered_at=6_000_000),
        ChainNeuron(ss58("Charlie"), incentive=0.25, emission=36.7, registered_at=6_999_000),
    ]
    with bt.Subtensor(network=settings.network.network) as subtensor:
        theirs = subtensor.get_metagraph_info(17)
        price = subtensor.get_subnet_price(17)
    reading = read_chain_metagraph(settings, deadline_s=PATIENT_S)
    ours = reading.economy
    assert ours is not None, reading.economy_fault
    assert (ours.block, ours.tempo_blocks) == (theirs.block, theirs.tempo)
    assert (ours.immunity_blocks, ours.places) == (theirs.immunity_period, theirs.max_uids)
    assert ours.price_tao == float(price.tao) == 0.02
    assert [n.hotkey for n in ours.neurons] == list(theirs.hotkeys)
    assert [n.incentive for n in ours.neurons] == list(theirs.incentives)
    assert [n.pruning_score for n in ours.neurons] == list(theirs.pruning_score)
    assert [n.registered_at_block for n in ours.neurons] == list(theirs.block_at_registration)
    # An amount of the SDK is a number of rao: its `tao` is alpha here.
    assert [n.emission_alpha for n in ours.neurons] == [float(amount.tao) for amount in theirs.emission]
    assert [n.alpha_stake for n in ours.neurons] == [float(amount.tao) for amount in theirs.alpha_stake]


def test_without_a_price_of_the_runtime_the_reserves_of_the_pool_tell_it(
    state: ChainState, settings: Settings
) -> None:
    state.price_rao = None
    reading = read_chain_metagraph(settings, deadline_s=PATIENT_S)
    assert reading.economy is not None
    assert reading.economy.price_tao == 1_000 / 50_000


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (Mode.HTTP_429, "rate limited.*wait, or use a node of your own"),
        (Mode.RATE_LIMIT, "rate limited.*wait, or use a node of your own"),
        (Mode.HTTP_503, "the chain does not answer: .* 503"),
        (Mode.DROPPED, "the chain does not answer: .* closed the connection"),
        (Mode.GARBAGE, "does not speak the chain's protocol"),
        (Mode.EMPTY, "lists no neuron"),
        (Mode.MISSING_API, "no call that lists a subnet"),
        (Mode.TRAP, "refused the call"),
    ],
)
def test_a_node_that_answers_badly_is_named_for_what_it_does(
    state: ChainState, settings: Settings, mode: Mode, said: str
) -> None:
    state.mode = mode
    with pytest.raises(MetagraphError, match=said):
        read_metagraph(settings, deadline_s=PATIENT_S)


def test_runtime_that_lists_neurons_without_stake_weights_is_refused(
    state: ChainState, settings: Settings
) -> None:
    state.mode = Mode.OLD_RUNTIME
    with pytest.raises(MetagraphError, match=r"runtime is too old, .* update the node, or use another one"):
        read_metagraph(settings, deadline_s=PATIENT_S)


@pytest.mark.parametrize("mode", [Mode.SILENT, Mode.DEAD, Mode.DRIP])
def test_a_node_that_never_finishes_ends_with_the_deadline(
    state: ChainState, settings: Settings, mode: Mode
) -> None:
    state.mode = mode
    began = time.monotonic()
    with pytest.raises(MetagraphError, match=r"the chain does not answer: .* no complete answer within 3 s"):
        read_metagraph(settings, deadline_s=SHORT_S)
    assert time.monotonic() - began < SHORT_S + 20
    assert not _readers(), "the process that read is gone"


def _readers() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if any("chain_child" in word for word in child.cmdline())]


def test_a_port_nobody_listens_on_and_an_unknown_name_are_told_apart() -> None:
    with pytest.raises(MetagraphError, match="refuses the connection"):
        read_metagraph(Settings.load(network="ws://127.0.0.1:9"), deadline_s=PATIENT_S)
    with pytest.raises(MetagraphError, match="cannot be looked up"):
        read_metagraph(Settings.load(network="ws://no-such-host.invalid:9944"), deadline_s=PATIENT_S)


def test_an_access_key_in_the_endpoint_is_told_to_nobody() -> None:
    network = "ws://user:hunter2@127.0.0.1:9/v1/SECRETKEY"
    with pytest.raises(MetagraphError) as told:
        read_metagraph(Settings.load(network=network), deadline_s=PATIENT_S)
    assert "hunter2" not in str(told.value)
    assert "SECRETKEY" not in str(told.value)
    assert "127.0.0.1:9" in str(told.value)


def test_a_subnet_that_does_not_exist_is_told(state: ChainState, settings: Settings) -> None:
    state.netuid = 18
    with pytest.raises(MetagraphError, match="no subnet 17: check TRELLIS_NETUID"):
        read_metagraph(settings, deadline_s=PATIENT_S)


def test_a_node_of_ones_own_may_list_loopback_unless_it_serves_a_public_chain(
    state: ChainState, settings: Settings
) -> None:
    state.neurons = a_subnet(ss58("Alice"), ip="127.0.0.1")
    (alice,) = read_chain_metagraph(settings, deadline_s=PATIENT_S).neurons
    assert alice.is_serving
    state.genesis = next(iter(metagraph.PUBLIC_GENESES))
    reading = read_chain_metagraph(settings, deadline_s=PATIENT_S)
    assert not reading.neurons[0].is_serving
    assert reading.faults == {0: "loopback"}


def test_a_stop_during_a_read_that_hangs_is_heard_at_once_and_leaves_no_process(
    state: ChainState, settings: Settings
) -> None:
    state.mode = Mode.SILENT

    class Stopped(BaseException):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        began = time.monotonic()
        threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(Stopped):
            read_metagraph(settings, deadline_s=PATIENT_S)
        assert time.monotonic() - began < PATIENT_S / 2
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not _readers()


def test_the_reading_process_ends_with_its_parent(state: ChainState, settings: Settings) -> None:
    state.mode = Mode.SILENT
    script = (
        "from trellis_assets.settings import Settings\n"
        "from trellis_assets.adapters.bittensor.metagraph import read_metagraph\n"
        f"read_metagraph(Settings.load(network={settings.network.network!r}), deadline_s=60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        until = time.monotonic() + 60
        while not state.connections and time.monotonic() < until:
            time.sleep(0.05)
        (reader,) = psutil.Process(parent.pid).children()
    finally:
        parent.kill()
        parent.wait()
    reader.wait(30)


def test_the_reading_process_is_told_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRELLIS_DATABASE_URL", "postgresql://user:hunter2@host/x")
    monkeypatch.setenv("BT_PW_X", "hunter2")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    told = bare_environment()
    assert "hunter2" not in str(told)
    assert told["https_proxy"] == "http://proxy:3128", "a chain may be reached by a proxy alone"


def test_the_chains_by_name_are_the_sdk_s_own() -> None:
    from bittensor.core.settings import NETWORK_MAP

    named = {name: url for name, url in NETWORK_MAP.items() if name != "local"}
    assert named == CHAIN_ENDPOINTS
