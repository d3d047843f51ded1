"""The whole product with a real wallet, on a chain whose answers the SDK decodes."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trellis_assets.adapters.bittensor.chain_reader import DEADLINE_S
from trellis_assets.adapters.bittensor.metagraph import read_metagraph
from trellis_assets.settings import Settings
from trellis_assets.testing.chain_server import ChainState, Mode, chain_server
from trellis_assets.testing.chain_subnet import ChainNeuron
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets.testing.waiting import wait_until
from trellis_assets_tests.chain import a_subnet, finney_metadata, many
from trellis_assets_tests.end_to_end.sessions import mining

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("end_to_end")]
CLI = [sys.executable, "-m", "trellis_assets.cli"]


def a_wallet(folder: Path) -> str:
    """Return the address of a new, unencrypted hotkey of the wallet "miner"."""
    import bittensor_wallet

    wallet = bittensor_wallet.Wallet(name="miner", hotkey="default", path=str(folder))
    wallet.create_new_coldkey(use_password=False, overwrite=True, suppress=True)
    wallet.create_new_hotkey(use_password=False, overwrite=True, suppress=True)
    return str(wallet.hotkey.ss58_address)


@pytest.fixture
def hotkey(tmp_path: Path) -> str:
    return a_wallet(tmp_path / "wallets")


@pytest.fixture
def neurons(tmp_path: Path, hotkey: str) -> Iterator[list[ChainNeuron]]:
    """Validators that serve here, as the chain lists them, and ourselves."""
    folder = tmp_path / "validators"
    command = [*CLI, "subnet", "--data-dir", str(folder), "--miner-hotkey", hotkey]
    subnet = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.DEVNULL)
    try:
        file = folder / "subnet" / "metagraph.json"
        until = time.monotonic() + 120
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.2)
        listed = json.loads(file.read_text())
        validators = [ChainNeuron(v["hotkey"], v["ip"], v["port"], v["stake"], permit=True) for v in listed]
        yield [*validators, ChainNeuron(hotkey)]
    finally:
        subnet.terminate()
        subnet.wait(60)


def test_doctor_is_content_and_mine_settles_ten_tasks_with_a_real_wallet(
    tmp_path: Path, neurons: list[ChainNeuron]
) -> None:
    state = ChainState(neurons)
    with chain_server(state, finney_metadata()) as url:
        environment = clean_environment() | {
            **on(url, tmp_path),
            "TRELLIS_DATA_DIR": str(tmp_path / "data"),
            "TRELLIS_PULL_INTERVAL_S": "3",
        }
        examined = subprocess.run(
            [*CLI, "doctor", "--json"], env=environment, capture_output=True, text=True, check=False
        )
        told = {part["part"]: part["health"] for part in json.loads(examined.stdout)["parts"]}
        assert examined.returncode == 0, examined.stdout
        assert {told[part] for part in ("wallet", "subnet", "registration", "validators")} == {"ok"}
        reads = state.calls.count("chain_getHeader")
        mined = subprocess.run(
            [*CLI, "mine", "--tasks", "10", "--json"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert mined.returncode == 0, mined.stderr[-3000:]
        session = json.loads(mined.stdout.splitlines()[-1])["session_stats"]
        assert session["tasks_pulled"] == 10, session
        answered = ("successful_submissions", "rejected_submissions", "handed_back")
        assert sum(session[name] for name in answered) == 10, session
        assert state.calls.count("chain_getHeader") == 2 * reads, "a start reads the chain once"


@pytest.mark.parametrize("mode", [Mode.SILENT, Mode.DEAD])
def test_ctrl_c_ends_mine_at_once_while_the_chain_takes_connections_and_stays_silent(
    tmp_path: Path, hotkey: str, mode: Mode
) -> None:
    state = ChainState([ChainNeuron(hotkey)], mode=mode)
    with chain_server(state, finney_metadata()) as url, mining(tmp_path / "data", **on(url, tmp_path)) as us:
        wait_until(lambda: state.connections > 0, "the chain was called", 120)
        readers = psutil.Process(us.process.pid).children(recursive=True)
        pressed_at = time.monotonic()
        us.process.send_signal(signal.SIGINT)
        # A read may take 30 s: it does not run to its end.
        assert us.process.wait(20) == 0
        assert time.monotonic() - pressed_at < DEADLINE_S / 2
        assert us.said().splitlines()[-1] == "stopped before mining began"
        assert readers, "a child process read the chain"
        assert not any(reader.is_running() for reader in readers)


def on(url: str, folder: Path) -> dict[str, str]:
    """Return the environment of a miner with the wallet on the chain."""
    return {
        "TRELLIS_NETWORK": url,
        "TRELLIS_WALLET_NAME": "miner",
        "TRELLIS_WALLET_PATH": str(folder / "wallets"),
    }


@pytest.mark.faults_long
def test_memory_stays_flat_over_fifty_reads() -> None:
    state = ChainState(a_subnet(*many(256)))
    us = psutil.Process()
    with chain_server(state, finney_metadata()) as url:
        settings = Settings.load(network=url)
        for _ in range(5):
            read_metagraph(settings, deadline_s=60)
        after_five = us.memory_info().rss
        for _ in range(45):
            read_metagraph(settings, deadline_s=60)
        assert us.memory_info().rss - after_five < 20 * 2**20
