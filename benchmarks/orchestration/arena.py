"""Where a contender is measured: validators, a generation server and a wallet of its own, all on loopback."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestration.logs import TaskLifecycle, read_lines, task_lifecycles
from orchestration.metering import family
from trellis_assets.system.tcp_ports import free_port, is_listening
from trellis_assets.testing.clean_environment import clean_environment

ROOT = Path(__file__).parents[2]
SUBREAPER = Path(__file__).with_name("subreaper.py")
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """What every contender meets. Times in seconds."""

    service_s: float
    validators: int = 8
    pull_delay_s: float = 0.0
    submit_delay_s: float = 3.0
    # On top of the validators: so many that take tasks' results and do not answer.
    hanging: int = 0
    # Validators that do not know the miner have no task for it.
    knows_miner: bool = True


@dataclass(frozen=True, slots=True)
class Arena:
    """A folder whose validators and generation server run."""

    folder: Path
    generator_url: str
    environment: Mapping[str, str]

    @property
    def decisions(self) -> Path:
        """Return the path of the validators' log."""
        return self.folder / "subnet" / "validators.jsonl"

    @property
    def store(self) -> Path:
        """Return this project's store, where it is the contender."""
        return self.folder / "data" / "trellis.db"

    def accepted(self) -> int:
        """Return how many results validators have accepted so far."""
        if not self.decisions.exists():
            return 0
        return self.decisions.read_text(encoding="utf-8").count('"event": "accepted"')

    def tasks(self) -> list[TaskLifecycle]:
        """Return the lifecycles of all tasks so far."""
        return task_lifecycles(read_lines(self.decisions), read_lines(self.folder / "generations.jsonl"))


@contextmanager
def arena(folder: Path, conditions: Conditions) -> Iterator[Arena]:
    """Run validators and server until the block ends."""
    folder.mkdir(parents=True)
    port, hotkey = free_port(), make_wallet(folder / "wallets")
    metagraph = folder / "subnet" / "metagraph.json"
    environment = our_environment() | miner_settings(folder, metagraph, [f"http://127.0.0.1:{port}"])
    with ExitStack() as stack:
        subnet = [sys.executable, "-m", "orchestration.subnet", "--folder", str(folder / "subnet")]
        known = hotkey if conditions.knows_miner else "nobody"
        validators = conditions.validators + conditions.hanging
        subnet += ["--registered", known, "--validators", str(validators)]
        subnet += ["--hanging", str(conditions.hanging)]
        subnet += ["--pull-delay-s", str(conditions.pull_delay_s)]
        subnet += ["--submit-delay-s", str(conditions.submit_delay_s)]
        stack.enter_context(running(subnet, environment, folder / "subnet.log"))
        server = [sys.executable, "-m", "orchestration.generation_server", "--port", str(port)]
        server += ["--service-s", str(conditions.service_s), "--log", str(folder / "generations.jsonl")]
        stack.enter_context(running(server, environment, folder / "server.log"))
        wait_until(metagraph.exists, "the validators")
        wait_until(lambda: is_listening(port), "the generation server")
        yield Arena(folder, f"http://127.0.0.1:{port}", environment)


def miner_settings(folder: Path, metagraph: Path, generator_urls: Sequence[str]) -> dict[str, str]:
    """Return the settings of a miner with its wallet in the folder; validators always have a task for it."""
    return {
        "TRELLIS_DATA_DIR": str(folder / "data"),
        "TRELLIS_NETWORK": f"file:{metagraph}",
        "TRELLIS_WALLET_PATH": str(folder / "wallets"),
        "TRELLIS_WALLET_NAME": "miner",
        "TRELLIS_GENERATOR": "http",
        "TRELLIS_GENERATOR_URLS": ",".join(generator_urls),
        "TRELLIS_VALIDATE_MODELS": "false",
        # The validators have a task again at once, so that it pays to ask them often.
        "TRELLIS_PULL_INTERVAL_S": "0.5",
        "TRELLIS_ERROR_BACKOFF_S": "5",
    }


def our_environment() -> dict[str, str]:
    """Return this process's environment without any setting; our own modules can be imported."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])
    return clean_environment() | {"PYTHONPATH": paths, "BT_NO_PARSE_CLI_ARGS": "1"}


def make_wallet(folder: Path, uri: str = "//TrellisAssetsBenchmark") -> str:
    """Create a wallet in the folder, and return its hotkey's address."""
    os.environ.setdefault("BT_NO_PARSE_CLI_ARGS", "1")
    import bittensor as bt

    keypair = bt.Keypair.create_from_uri(uri)
    wallet = bt.Wallet(name="miner", hotkey="default", path=str(folder))
    wallet.set_hotkey(keypair, encrypt=False, overwrite=True)
    return str(keypair.ss58_address)


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], log: Path, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command below a subreaper until the block ends; then nothing of it is left."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(SUBREAPER), *command],
            env=dict(environment),
            cwd=folder or log.parent,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all its descendants."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        # The miner leaves at once when it is told twice.
        process.send_signal(signal.SIGTERM)
        time.sleep(1.0)
    # The subreaper last: while it lives, processes that are started meanwhile are its descendants too.
    while members := [pid for pid in family(process.pid) if pid != process.pid]:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    process.kill()
    process.wait()


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: it did not come.
    """
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: nothing after {timeout_s:.0f} s")
        time.sleep(0.1)
