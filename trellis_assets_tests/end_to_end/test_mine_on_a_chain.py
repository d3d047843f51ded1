"""The whole product with a real wallet, on a chain whose answers the SDK decodes."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trellis_assets.adapters.bittensor.metagraph import read_metagraph
from trellis_assets.settings import Settings
from trellis_assets.testing.chain_server import ChainState, chain_server
from trellis_assets.testing.chain_subnet import ChainNeuron
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets_tests.chain import a_subnet, finney_metadata, many

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
            "TRELLIS_NETWORK": url,
            "TRELLIS_WALLET_NAME": "miner",
            "TRELLIS_WALLET_PATH": str(tmp_path / "wallets"),
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
