"""The witnesses: validators in a process of their own, which is not killed."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from trellis_assets.adapters.bittensor.import_guard import bt

START_TIMEOUT_S = 90.0


def make_wallet(folder: Path) -> str:
    """Create a wallet without a password, and return its hotkey's address."""
    wallet = bt.Wallet(name="default", hotkey="default", path=str(folder))
    wallet.create_new_hotkey(use_password=False, overwrite=True, suppress=True)
    return str(wallet.hotkey.ss58_address)


@contextmanager
def witnesses(
    folder: Path,
    hotkeys: Sequence[str],
    environment: Mapping[str, str],
    *,
    validators: int,
    answer_delay_s: float,
) -> Iterator[Path]:
    """Serve the subnet to these miners until the block ends; yield the metagraph file."""
    command = [
        *(sys.executable, "-m", "trellis_assets.cli", "subnet", "--data-dir", str(folder)),
        *(part for hotkey in hotkeys for part in ("--miner-hotkey", hotkey)),
        *("--validators", str(validators)),
        *("--answer-delay", str(answer_delay_s)),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    metagraph = folder / "subnet" / "metagraph.json"
    with (folder / "subnet.log").open("ab") as log:
        process = subprocess.Popen(command, env=dict(environment), stdout=log, stderr=log, cwd=folder)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not metagraph.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the subnet did not start: {(folder / 'subnet.log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield metagraph
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()  # on a busy machine its threads may take long; what they logged is on disk
            process.wait()
