"""Our transport against real Axons, each in a process with the bittensor release that it belongs to.

`TRELLIS_BITTENSOR_9` names a Python that has bittensor 9.9.0 (what the subnet's validators run on), and
`TRELLIS_SUBNET_PROTOCOL` the subnet's own protocol.py. `make test-interop` makes the environment.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trellis_assets.adapters.bittensor.client import BittensorNetwork
from trellis_assets.domain.submissions import LICENCE_DECLARATION, SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import CoolingDown, TaskAssigned
from trellis_assets.settings import Settings
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.clean_environment import clean_environment
from trellis_assets.testing.fakes import a_task
from trellis_assets.testing.waiting import wait_until

AXON = Path(__file__).with_name("axon.py")
RELEASE_9 = os.environ.get("TRELLIS_BITTENSOR_9")
PROTOCOL = os.environ.get("TRELLIS_SUBNET_PROTOCOL")


@dataclass
class Peer:
    validator: Validator
    release: str
    folder: Path

    @property
    def received(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "received.jsonl").read_text().splitlines()]


@contextmanager
def axon(python: str, folder: Path, protocol: str | None) -> Iterator[Peer]:
    (folder / "licence.txt").write_text(LICENCE_DECLARATION)
    command = [python, str(AXON), str(folder), *([protocol] if protocol else [])]
    environment = clean_environment() | {"HOME": str(folder), "BT_NO_PARSE_CLI_ARGS": "1"}
    environment.pop("PYTHONPATH", None)
    with (folder / "axon.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, cwd=folder
        )
    try:
        started = folder / "axon.json"
        wait_until(lambda: started.exists() or process.poll() is not None, timeout_s=90)
        assert started.exists(), (folder / "axon.log").read_text()[-3000:]
        about = json.loads(started.read_text())
        yield Peer(Validator(1, about["hotkey"], "127.0.0.1", about["port"], 1.0), about["release"], folder)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def peers() -> list[Any]:
    unset_9 = "TRELLIS_BITTENSOR_9 is not set: it names a Python with bittensor 9.9.0 (make test-interop)"
    unset_protocol = "TRELLIS_SUBNET_PROTOCOL is not set: it names the subnet's own protocol.py"
    needs_9 = pytest.mark.skipif(RELEASE_9 is None, reason=unset_9)
    needs_protocol = pytest.mark.skipif(PROTOCOL is None, reason=unset_protocol)
    return [
        pytest.param(sys.executable, None, "10.", id="10.5"),
        pytest.param(RELEASE_9, None, "9.9", id="9.9", marks=needs_9),
        pytest.param(RELEASE_9, PROTOCOL, "9.9", id="9.9-subnet", marks=[needs_9, needs_protocol]),
    ]


@pytest.mark.parametrize(("python", "protocol", "release"), peers())
def test_a_real_axon_and_our_transport_understand_each_other(
    python: str, protocol: str | None, release: str, tmp_path: Path
) -> None:
    """Pull and submit a text task and a picture of 2.7 MB; be refused; be told of a cooldown."""
    network = BittensorNetwork(Settings.load(data_dir=tmp_path), SystemClock())
    with axon(python, tmp_path, protocol) as peer:
        assert peer.release.startswith(release)
        for kind, task_id in ((TaskKind.TEXT, "text-1"), (TaskKind.IMAGE, "image-1")):
            pulled = asyncio.run(network.pull(peer.validator))
            assert isinstance(pulled, TaskAssigned), pulled
            task = pulled.task
            assert (task.task_id, task.kind) == (task_id, kind)
            assert (task.validation_threshold, task.throttle_s) == (0.65, 30)
            if kind is TaskKind.IMAGE:
                assert base64.b64decode(task.prompt) == bytes(range(256)) * 8000
            assert asyncio.run(network.pull(peer.validator)) == pulled, "served again until it is answered"
            assert pulled.exchange is not None
            assert pulled.exchange.server_time is not None
            submitted = a_task(1, task_id=task.task_id, prompt=task.prompt, kind=kind)
            for expected in (SubmissionOutcome.ACCEPTED, SubmissionOutcome.NOT_ASSIGNED):
                answer = asyncio.run(
                    network.submit(
                        peer.validator, task=submitted, kind=SubmissionKind.RESULT, spz=bytes(2_000_000)
                    )
                )
                assert answer.outcome is expected, answer
                if expected is SubmissionOutcome.ACCEPTED:
                    assert answer.feedback is not None
                    assert answer.feedback.task_fidelity_score == 0.81
                    assert answer.feedback.current_duel_rating == 1512.5
                    assert answer.cooldown_until is not None
        cooling = asyncio.run(network.pull(peer.validator))
        assert isinstance(cooling, CoolingDown)
        assert cooling.violations == 2
        expected_rest = {"bytes": 2_000_000, "signed": True, "compression": 2}
        assert peer.received == [{"task_id": t} | expected_rest for t in ("text-1", "image-1")]
