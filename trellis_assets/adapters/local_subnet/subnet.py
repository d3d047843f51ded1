"""A local subnet: several validators and the metagraph file that lists them."""

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trellis_assets.adapters.local_subnet.economy import simulated_miners, write_economy
from trellis_assets.adapters.local_subnet.prompts import PromptSource, TaskSource
from trellis_assets.adapters.local_subnet.rules import Rules
from trellis_assets.adapters.local_subnet.validator import Faults, LocalSubnetValidator
from trellis_assets.ports import LocalValidator
from trellis_assets.system.atomic_write import write_atomically
from trellis_assets.system.tcp_ports import free_port

_log = logging.getLogger(__name__)

FIRST_UID, UID_STEP = 10, 10
# Different stakes and thresholds, so that "who first" and "good enough" can be seen.
STAKES = (53_000.0, 21_000.0, 8_000.0)
THRESHOLDS = (0.6, 0.65, 0.7)
START_TIMEOUT_S = 30.0
# The chain's epoch takes 72 minutes: too long for a trial.
EPOCH_S = 5.0
# Just within the time that a miner waits for an answer.
HANGING_S = 299.0


@dataclass(frozen=True, slots=True)
class SubnetConfig:
    """A local subnet.

    Attributes:
        rules: None: development rules with varied thresholds.
        hanging: so many of the validators, the first, answer no submission within `HANGING_S`.
        address: that the validators serve on.
        tasks: what the validator with this uid asks for; None: `prompts` and `pictures`, with repetitions.
    """

    folder: Path
    registered: frozenset[str]
    prompts: Sequence[str] = ()
    pictures: Sequence[str] = ()
    validators: int = 3
    rules: Rules | None = None
    faults: Faults | None = None
    hanging: int = 0
    seed: int = 17
    address: str = "127.0.0.1"
    tasks: Callable[[int], TaskSource] | None = None

    def faults_of(self, index: int) -> Faults | None:
        """Return the faults of the validator of this index."""
        if index >= self.hanging:
            return self.faults
        return replace(self.faults or Faults(), submit_delay_s=HANGING_S)

    def task_source(self, uid: int) -> TaskSource:
        """Return the source of the validator's tasks."""
        if self.tasks is not None:
            return self.tasks(uid)
        return PromptSource(self.prompts, seed=self.seed + int(time.time()) + uid, pictures=self.pictures)


def run_subnet(config: SubnetConfig, scorer: Callable[[], LocalValidator], stop: threading.Event) -> None:
    """Serve validators until `stop` is set; the metagraph file names them once all answer."""
    config.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    metagraph = config.folder / "metagraph.json"
    known_ports = _ports_of(metagraph)
    validators = []
    try:
        for index in range(config.validators):
            uid = FIRST_UID + UID_STEP * index
            validator = LocalSubnetValidator(
                uid=uid,
                stake=STAKES[index % len(STAKES)] + index,
                address=config.address,
                port=_free_port(config.address, known_ports.get(uid)),
                folder=config.folder,
                rules=config.rules or Rules.development(THRESHOLDS[index % len(THRESHOLDS)]),
                prompts=config.task_source(uid),
                scorer=scorer(),
                registered=config.registered,
                faults=config.faults_of(index),
            )
            validator.start()
            validators.append(validator)
        for validator in validators:
            _wait_until_serving(validator.address, validator.port)
        _pay(metagraph, validators, config.registered)
        _write_metagraph(metagraph, validators)
        _log.info("%d validators serve; metagraph: %s", len(validators), metagraph)
        while not stop.wait(EPOCH_S):
            _pay(metagraph, validators, config.registered)
    finally:
        for validator in validators:
            validator.stop()


def _pay(metagraph: Path, validators: Sequence[LocalSubnetValidator], registered: frozenset[str]) -> None:
    """Let the validators set weights, and write what neurons are paid beside the metagraph."""
    simulated = simulated_miners()
    basis = [validator.weights_basis(simulated) for validator in validators]
    write_economy(metagraph, basis, sorted(registered), sorted(simulated))


def _ports_of(metagraph: Path) -> dict[int, int]:
    """Return the ports of an earlier start: validators keep their addresses where they can."""
    try:
        return {int(entry["uid"]): int(entry["port"]) for entry in json.loads(metagraph.read_text())}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def _free_port(address: str, wanted: int | None) -> int:
    """Return the wanted port if it can be bound, else another free one."""
    if wanted is not None:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, wanted))
            return wanted
    return free_port(address)


def _wait_until_serving(address: str, port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"the validator on port {port} does not serve after {START_TIMEOUT_S:.0f} s")


def _write_metagraph(path: Path, validators: Sequence[LocalSubnetValidator]) -> None:
    entries = [
        {
            "uid": validator.uid,
            "hotkey": validator.hotkey,
            "ip": validator.address,
            "port": validator.port,
            "stake": validator.stake,
            "trust": 1.0,
            "consensus": 1.0,
            "validator_permit": True,
        }
        for validator in validators
    ]
    write_atomically(path, json.dumps(entries, indent=2))
