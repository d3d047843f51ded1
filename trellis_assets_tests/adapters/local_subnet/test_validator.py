"""A real Axon and a real Dendrite on loopback: what a real validator would refuse is refused."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trellis_assets.adapters.bittensor.client import BittensorNetwork
from trellis_assets.adapters.bittensor.messages import HttpAnswer
from trellis_assets.adapters.bittensor.requests import signed_request
from trellis_assets.adapters.bittensor.synapses import GetVersion, SubmitResults
from trellis_assets.adapters.bittensor.transport import ValidatorTransport
from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.http_client.response import ResponseBounds
from trellis_assets.adapters.local_subnet.prompts import PromptSource
from trellis_assets.adapters.local_subnet.rules import Rules
from trellis_assets.adapters.local_subnet.state import read_decisions
from trellis_assets.adapters.local_subnet.validator import Faults, LocalSubnetValidator
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
from trellis_assets.domain.splats.preparation import prepare_for_submission
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import CoolingDown, NotRegistered, SubmissionAnswer, TaskAssigned, Unreachable
from trellis_assets.settings import Settings
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.fakes import a_task

RESULT, HAND_BACK = SubmissionKind.RESULT, SubmissionKind.HAND_BACK
PROMPTS = ["a red vase", "a blue boat", "a green lamp"]
# Cooldowns long enough to lie ahead, the lock and the fast-submission guard out of the way.
RULES = Rules(cooldown_s=20, penalty_s=40, throttle_s=20, lock_s=0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def model() -> bytes:
    splats = EmbeddedGenerator().generate("a red vase", kind=TaskKind.TEXT, seed=1, endpoint="embedded")
    return encode_spz(prepare_for_submission(splats).splats)


@dataclass
class Peer:
    """A validator and a miner that talk over loopback."""

    validator: LocalSubnetValidator
    network: BittensorNetwork
    folder: Path

    @property
    def entry(self) -> Validator:
        v = self.validator
        return Validator(v.uid, v.hotkey, "127.0.0.1", v.port, v.stake)

    def pull(self) -> Any:
        return asyncio.run(self.network.pull(self.entry))

    def task(self) -> Task:
        answer = self.pull()
        assert isinstance(answer, TaskAssigned)
        pulled = answer.task
        return a_task(1, task_id=pulled.task_id, prompt=pulled.prompt)

    def submit(self, task: Task, spz: bytes, kind: SubmissionKind = RESULT) -> SubmissionAnswer:
        return asyncio.run(self.network.submit(self.entry, task=task, kind=kind, spz=spz))

    def send(self, synapse: Any) -> HttpAnswer:
        entry, bounds = self.entry, ResponseBounds(body=1 << 20)
        request = signed_request(synapse, entry, self.network._keypair, timeout_s=10, bounds=bounds)
        answer = asyncio.run(ValidatorTransport().post(entry.ip, entry.port, request, timeout_s=10))
        assert isinstance(answer, HttpAnswer)
        return answer

    def events(self) -> list[str]:
        return [line["event"] for line in read_decisions(self.folder / "validators.jsonl")]


@pytest.fixture
def open_peer(tmp_path: Path) -> Iterator[Callable[..., Peer]]:
    started: list[LocalSubnetValidator] = []

    def open_one(*, registered: bool = True, faults: Faults | None = None, rules: Rules = RULES) -> Peer:
        network = BittensorNetwork(Settings.load(), SystemClock())
        validator = LocalSubnetValidator(
            uid=10,
            stake=5000.0,
            port=free_port(),
            folder=tmp_path,
            rules=rules,
            prompts=PromptSource(PROMPTS, seed=1),
            scorer=EmbeddedValidator(SystemClock()),
            registered=frozenset({network.miner_hotkey} if registered else ()),
            faults=faults,
        )
        validator.start()
        started.append(validator)
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", validator.port)) == 0:
                    return Peer(validator, network, tmp_path)

    yield open_one
    for validator in started:
        validator.stop()


def test_a_signed_result_is_accepted_once(open_peer: Callable[..., Peer], model: bytes) -> None:
    peer = open_peer()
    task = peer.task()
    answer = peer.submit(task, model)
    assert answer.outcome is SubmissionOutcome.ACCEPTED
    assert answer.feedback is not None
    assert answer.feedback.task_fidelity_score >= 0.6
    assert answer.feedback.generations_within_the_window == 1
    assert peer.submit(task, model).outcome is SubmissionOutcome.NOT_ASSIGNED, "a late second answer: 403"
    assert isinstance(peer.pull(), CoolingDown)
    assert peer.events() == ["assigned", "accepted", "refused", "cooldown"]


def test_an_unfinished_task_is_served_again_also_after_a_restart(open_peer: Callable[..., Peer]) -> None:
    first = open_peer()
    task = first.task()
    assert first.task().task_id == task.task_id
    first.validator.stop()
    assert open_peer().task().task_id == task.task_id


def test_a_result_signed_for_another_prompt_is_refused_with_the_long_cooldown(
    open_peer: Callable[..., Peer], model: bytes
) -> None:
    peer = open_peer()
    task = peer.task()
    answer = peer.submit(a_task(1, task_id=task.task_id, prompt="another prompt"), model)
    assert answer.outcome is SubmissionOutcome.REJECTED
    assert peer.events()[-1] == "bad_signature"


def test_garbage_scores_zero_and_is_rejected(open_peer: Callable[..., Peer]) -> None:
    peer = open_peer()
    assert peer.submit(peer.task(), b"this is no model").outcome is SubmissionOutcome.REJECTED
    last = read_decisions(peer.folder / "validators.jsonl")[-1]
    assert (last["event"], last["score"]) == ("rejected", 0.0)
    assert last["reason"]


def test_an_empty_result_hands_the_task_back(open_peer: Callable[..., Peer]) -> None:
    peer = open_peer()
    assert peer.submit(peer.task(), b"", HAND_BACK).outcome is SubmissionOutcome.HANDED_BACK


def test_another_tasks_id_leaves_the_task_assigned(open_peer: Callable[..., Peer], model: bytes) -> None:
    peer = open_peer()
    task = peer.task()
    wrong = peer.submit(a_task(1, task_id="another", prompt=task.prompt), model)
    assert wrong.outcome is SubmissionOutcome.STILL_ASSIGNED
    assert peer.submit(task, model).outcome is SubmissionOutcome.ACCEPTED


def test_an_unknown_hotkey_is_sent_away_for_an_hour(open_peer: Callable[..., Peer], model: bytes) -> None:
    peer = open_peer(registered=False)
    assert isinstance(peer.pull(), NotRegistered)
    assert peer.submit(a_task(1), model).outcome is SubmissionOutcome.NOT_ASSIGNED


def test_a_malformed_signature_is_a_server_error_and_keeps_the_task(
    open_peer: Callable[..., Peer],
) -> None:
    peer = open_peer()
    task = peer.task()
    broken = SubmitResults(task_id=task.task_id, results="", submit_time=1, signature="not base64!")
    assert peer.send(broken).status == 500
    assert peer.task().task_id == task.task_id


def test_an_answer_that_is_dropped_leaves_the_outcome_open(
    open_peer: Callable[..., Peer], model: bytes
) -> None:
    peer = open_peer(faults=Faults(drops_submit_answers=True))
    task = peer.task()
    assert peer.submit(task, model).outcome is SubmissionOutcome.ANSWER_LOST
    assert peer.submit(task, model).outcome is SubmissionOutcome.NOT_ASSIGNED, "it had been accepted"
    assert peer.events().count("accepted") == 1


def test_a_stopped_validator_provably_received_nothing(open_peer: Callable[..., Peer], model: bytes) -> None:
    peer = open_peer()
    task = peer.task()
    peer.validator.stop()
    assert peer.submit(task, model).outcome is SubmissionOutcome.NOT_SENT
    answer = peer.pull()
    assert isinstance(answer, Unreachable)
    assert not answer.may_have_assigned


def test_a_local_validator_answers_its_version(open_peer: Callable[..., Peer]) -> None:
    answer = open_peer().send(GetVersion())
    assert (answer.status, json.loads(answer.body)["version"]) == (200, 45)


def test_the_axon_listens_on_loopback_only(open_peer: Callable[..., Peer]) -> None:
    peer = open_peer()
    assert peer.validator._axon.fast_config.host == "127.0.0.1"
