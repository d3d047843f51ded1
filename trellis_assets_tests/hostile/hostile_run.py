"""The whole product, mining from honest validators, without and with hostile ones beside them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from trellis_assets.adapters.storage.store import open_store
from trellis_assets.domain.tasks import TaskState
from trellis_assets.settings import Settings
from trellis_assets.system.heartbeat_files import POLLER, heartbeat_folder, read_heartbeat
from trellis_assets.system.tcp_ports import free_port
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets_tests.end_to_end.chaos.subnet import make_wallet, witnesses
from trellis_assets_tests.hostile.validators import FIRST_UID, HostileValidators, hostile_validators

_START_S, _STOP_S, _LOOK_S = 180.0, 60.0, 0.5
# Tasks of honest validators that are accepted before anything is measured: imports and first runs are over.
WARM_UP_TASKS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """One stretch of mining.

    Attributes:
        accepted: results that honest validators accepted.
        lag_s: longest delay of the poller's event loop.
        growth_mb: how much the code server's memory grew after the warm-up.
        peak_mb: its largest memory.
    """

    accepted: int
    seconds: float
    lag_s: float
    growth_mb: float
    peak_mb: float

    @property
    def pace(self) -> float:
        """Return accepted results per minute."""
        return self.accepted * 60 / self.seconds


@dataclass(frozen=True, slots=True)
class HostileRun:
    """What was measured without and with hostile validators.

    Attributes:
        attacks: how many kinds.
        polls: how often hostile validators were called.
        never_polled: attacks that did not take place.
        led_away: calls that came where redirects lead.
    """

    alone: Measured
    beside_hostile: Measured
    attacks: int
    polls: int
    never_polled: list[str]
    led_away: int


@contextmanager
def honest_subnet(folder: Path, honest: int = 3) -> Iterator[list[dict[str, object]]]:
    """Serve honest validators and make the miner's wallet; gives their metagraph entries."""
    hotkey = make_wallet(folder / "wallets")
    subnet = witnesses(
        folder / "subnet", [hotkey], clean_environment(), validators=honest, answer_delay_s=0.2
    )
    with subnet as metagraph:
        yield json.loads(metagraph.read_text())


@contextmanager
def subnet_with_hostile_peers(folder: Path) -> Iterator[tuple[list[dict[str, object]], HostileValidators]]:
    """Serve honest validators beside a hostile one for every attack; gives all entries."""
    with honest_subnet(folder) as listed, hostile_validators() as hostile:
        yield [*hostile.entries(), *listed], hostile


def run_beside_hostile(
    folder: Path, *, alone_s: float, hostile_s: float, say: Callable[[str], None]
) -> HostileRun:
    """Mine from honest validators alone, then for `hostile_s` with hostile ones beside them."""
    with honest_subnet(folder) as listed:
        say("honest validators alone")
        alone = mine(folder, "alone", listed, alone_s, say)
        say(f"{alone.pace:.1f} accepted a minute")
        with hostile_validators() as hostile:
            say(f"with {len(hostile.peers)} hostile validators")
            beside_hostile = mine(folder, "beside_hostile", [*hostile.entries(), *listed], hostile_s, say)
            say(f"{beside_hostile.pace:.1f} accepted a minute; {hostile.polls} calls to hostile validators")
            return _hostile_run(alone, beside_hostile, hostile)


def _hostile_run(alone: Measured, beside_hostile: Measured, hostile: HostileValidators) -> HostileRun:
    led_away = len(hostile.led_to.requests)
    return HostileRun(
        alone, beside_hostile, len(hostile.peers), hostile.polls, hostile.never_polled, led_away
    )


def mine(
    folder: Path, name: str, validators: list[dict[str, object]], seconds: float, say: Callable[[str], None]
) -> Measured:
    """Start the product with this metagraph, and measure it for `seconds` once it is warm."""
    data = folder / name
    data.mkdir()
    metagraph = data / "metagraph.json"
    metagraph.write_text(json.dumps(validators))
    settings = Settings.load(env_file=None, data_dir=data)
    environment = clean_environment() | {
        "TRELLIS_NETWORK": f"file:{metagraph}",
        "TRELLIS_WALLET_PATH": str(folder / "wallets"),
        "TRELLIS_PULL_INTERVAL_S": "2",
        "TRELLIS_ERROR_BACKOFF_S": "5",
        "TRELLIS_WEBSERVER_PORT": str(free_port()),
        "TRELLIS_GALLERY_PORT": str(free_port()),
        # Submissions that hang would be waited for.
        "TRELLIS_STOP_TIMEOUT_S": "10",
    }
    with _miner(data, environment):
        _wait_for_tasks(settings, WARM_UP_TASKS, data)
        say("warm; measuring")
        return _measure(settings, seconds)


@contextmanager
def _miner(data: Path, environment: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "trellis_assets.cli", "mine", "--data-dir", str(data)]
    with (data / "mine.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=data)
    try:
        yield
    finally:
        family = [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _, alive = psutil.wait_procs(family, timeout=5)
        for left in alive:
            left.kill()


def _wait_for_tasks(settings: Settings, wanted: int, data: Path) -> None:
    deadline = time.monotonic() + _START_S
    while _accepted(settings) < wanted:
        if time.monotonic() > deadline:
            log = (data / "mine.log").read_text(errors="replace")[-3000:]
            raise RuntimeError(f"no {wanted} accepted tasks within {_START_S:.0f} s:\n{log}")
        time.sleep(_LOOK_S)


def _accepted(settings: Settings) -> int:
    """Return accepted results of honest validators."""
    if (
        not (settings.storage.folder / "mine.lock").exists()
        or not (settings.storage.folder / "trellis.db").exists()
    ):
        return 0
    store = open_store(settings.storage.store_url)
    try:
        return sum(task.validator_uid < FIRST_UID for task in store.tasks.in_states([TaskState.ACCEPTED]))
    finally:
        store.close()


def _measure(settings: Settings, seconds: float) -> Measured:
    """Watch the poller's heartbeat: its process, and how late its event loop is."""
    started, before = time.monotonic(), _accepted(settings)
    lag, first, last, peak = 0.0, 0.0, 0.0, 0.0
    while (passed := time.monotonic() - started) < seconds:
        beat = read_heartbeat(heartbeat_folder(settings), POLLER)
        # A loop that stands still writes no heartbeat: its silence counts too.
        silent_s = time.monotonic() - float(beat.get("beat_at", started)) - 1.0
        lag = max(lag, float(beat.get("loop_lag_s", 0.0)), silent_s)
        if memory := _memory_mb(beat.get("pid")):
            first, last, peak = first or memory, memory, max(peak, memory)
        time.sleep(min(_LOOK_S, seconds - passed))
    took = time.monotonic() - started
    return Measured(_accepted(settings) - before, took, lag, last - first, peak)


def _memory_mb(pid: object) -> float:
    try:
        return psutil.Process(int(str(pid))).memory_info().rss / 1e6
    except (psutil.Error, ValueError):
        return 0.0
