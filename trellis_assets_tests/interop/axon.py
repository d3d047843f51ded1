"""A real Axon of whatever bittensor release runs this file: `python axon.py FOLDER [PROTOCOL]`.

It knows nothing of trellis_assets, since it runs in an environment of its own. PROTOCOL is the subnet's own
protocol.py; without one, the classes below have its class and field names. The port, the hotkey and the
release are written to FOLDER/axon.json, what was received to FOLDER/received.jsonl.
"""

import base64
import importlib.util
import json
import socket
import sys
import typing
from pathlib import Path
from types import SimpleNamespace

import bittensor as bt
from pydantic import BaseModel

FOLDER = Path(sys.argv[1])
LICENSE_LENGTH = 199
KEY = bt.Keypair.create_from_uri("//InteropValidator")
TASKS = [
    {"type": "text", "id": "text-1", "prompt": 'a red väse \U0001f3fa "with quotes" \\ and \u202e marks'},
    {"type": "image", "id": "image-1", "prompt": base64.b64encode(bytes(range(256)) * 8000).decode()},
]


class Task(BaseModel):
    """A task, as the protocol has it."""

    type: str = "text"
    id: str = ""
    prompt: str = ""


class Feedback(BaseModel):
    """A validator's feedback."""

    validation_failed: bool = False
    task_fidelity_score: float = 0.0
    average_fidelity_score: float = 0.0
    generations_within_the_window: int = 0
    current_duel_rating: float = 0.0
    current_miner_reward: float = 0.0


class PullTask(bt.Synapse):
    """A pull."""

    task: typing.Optional[Task] = None  # noqa: UP045 - read by old releases too
    validation_threshold: float = 0.6
    throttle_period: int = 0
    cooldown_until: int = 0
    cooldown_violations: int = 0


class SubmitResults(bt.Synapse):
    """A submission."""

    task: typing.Optional[Task] = None  # noqa: UP045
    task_id: str = ""
    results: str
    data_format: str = "ply"
    data_ver: int = 0
    compression: int = 2
    submit_time: int
    signature: str
    feedback: typing.Optional[Feedback] = None  # noqa: UP045
    cooldown_until: int = 0


def protocol() -> SimpleNamespace:
    """Return the classes that are served."""
    if len(sys.argv) < 3:
        return SimpleNamespace(PullTask=PullTask, SubmitResults=SubmitResults, Feedback=Feedback)
    spec = importlib.util.spec_from_file_location("protocol", sys.argv[2])
    module = importlib.util.module_from_spec(spec)
    sys.modules["protocol"] = module
    spec.loader.exec_module(module)
    return SimpleNamespace(**vars(module))


def main() -> None:
    """Serve until the input ends."""
    names = protocol()
    waiting, assigned = list(TASKS), {}

    async def pull(synapse: names.PullTask) -> names.PullTask:
        if not assigned and waiting:
            assigned["task"] = waiting.pop(0)
        if assigned:
            filled = names.PullTask(task=assigned["task"])
            synapse.task, synapse.validation_threshold, synapse.throttle_period = filled.task, 0.65, 30
        else:
            synapse.cooldown_until, synapse.cooldown_violations = 4_000_000_000, 2
        return synapse

    async def submit(synapse: names.SubmitResults) -> names.SubmitResults:
        received = {
            "task_id": synapse.task_id,
            "bytes": len(base64.b64decode(synapse.results, validate=True)),
            "signed": is_signed(synapse, assigned["task"]["prompt"]),
            "compression": synapse.compression,
        }
        with (FOLDER / "received.jsonl").open("a") as file:
            file.write(json.dumps(received) + "\n")
        assigned.clear()
        synapse.feedback = names.Feedback(
            task_fidelity_score=0.81, average_fidelity_score=0.99, generations_within_the_window=3,
            current_duel_rating=1512.5, current_miner_reward=4537.5,
        )  # fmt: skip
        synapse.cooldown_until = 4_000_000_000
        synapse.results = synapse.signature = ""
        return synapse

    def refuse(synapse: names.SubmitResults) -> typing.Tuple[bool, str]:  # noqa: UP006
        return not assigned, "no task assigned"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    wallet = SimpleNamespace(hotkey=KEY, coldkeypub=KEY)
    axon = bt.Axon(wallet=wallet, ip="127.0.0.1", port=port, external_ip="127.0.0.1", external_port=port)
    axon.fast_config.host = "127.0.0.1"
    axon.attach(forward_fn=pull)
    axon.attach(forward_fn=submit, blacklist_fn=refuse)
    axon.start()
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
    about = {"port": port, "hotkey": KEY.ss58_address, "release": bt.__version__}
    (FOLDER / "axon.part").write_text(json.dumps(about))
    (FOLDER / "axon.part").rename(FOLDER / "axon.json")
    sys.stdin.read()
    axon.stop()


def is_signed(synapse: typing.Any, prompt: str) -> bool:
    """Return whether licence, time, prompt, validator and miner are signed, as validators check."""
    miner = synapse.dendrite.hotkey
    licence = (FOLDER / "licence.txt").read_text()
    message = f"{licence}{synapse.submit_time}{prompt}{KEY.ss58_address}{miner}"
    signature = base64.b64decode(synapse.signature, validate=True)
    return len(licence) == LICENSE_LENGTH and bt.Keypair(ss58_address=miner).verify(message, signature)


if __name__ == "__main__":
    main()
