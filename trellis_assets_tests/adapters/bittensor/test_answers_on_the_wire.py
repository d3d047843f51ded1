"""Whatever bytes a validator sends, through the real Dendrite: a known answer, never an exception."""

import asyncio
import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trellis_assets.adapters.bittensor.client import BittensorNetwork
from trellis_assets.adapters.bittensor.synapses import Feedback, PullTask, SubmitResults
from trellis_assets.domain.submissions import SubmissionKind
from trellis_assets.domain.validators import MAX_COOLDOWN, Validator
from trellis_assets.ports import CoolingDown, NotRegistered, PollResponse, SubmissionAnswer, TaskAssigned
from trellis_assets.settings import Settings
from trellis_assets.system.clock import SystemClock
from trellis_assets.testing.fakes import a_task, a_validator
from trellis_assets.testing.hostile_server import Request, serving

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HUGE = 10**400
A_TASK = {"type": "text", "id": "a", "prompt": "b"}


class FaultyServer:
    """A validator that sends the bytes of the moment."""

    def __init__(self) -> None:
        self.body, self.status = b"", 200

    def answer(self, request: Request) -> None:
        request.answer(self.body, status=self.status, content_type="application/json")


@pytest.fixture(scope="module")
def faulty() -> Iterator[tuple[FaultyServer, Validator]]:
    validator = FaultyServer()
    with serving(validator.answer) as url:
        yield validator, a_validator(port=int(url.rsplit(":", 1)[1]), hotkey="5" + "C" * 47)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> BittensorNetwork:
    folder = tmp_path_factory.mktemp("network")
    return BittensorNetwork(
        Settings.load(data_dir=folder, pull_timeout_s=5, submit_timeout_s=5), SystemClock()
    )


numbers = (
    st.integers() | st.floats() | st.sampled_from([HUGE, -HUGE, 2**63, 2**64, -1, 1e308, math.inf, math.nan])
)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=20)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def fields_of(model: Any, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some fields of the model, each of any value, and some that it does not know."""
    known = {name: anything | numbers for name in model.model_fields if name not in more}
    return st.fixed_dictionaries({}, optional=known | more | {"unknown": anything})


tasks = st.fixed_dictionaries(
    {}, optional={"type": st.sampled_from(["text", "image", "x"]) | leaves, "id": leaves, "prompt": leaves}
)
pulls = fields_of(PullTask, task=tasks | anything, cooldown_until=numbers, throttle_period=numbers)
submissions = fields_of(SubmitResults, feedback=fields_of(Feedback) | anything, cooldown_until=numbers)
bodies = st.binary(max_size=100) | anything.map(json.dumps).map(str.encode)
DEEP = b"[" * 100_000
statuses = st.sampled_from([200, 200, 200, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503])


def encoded(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode("ascii")


def pulled(
    faulty: tuple[FaultyServer, Validator], network: BittensorNetwork, body: bytes, status: int
) -> PollResponse:
    faulty[0].body, faulty[0].status = body, status
    answer = asyncio.run(network.pull(faulty[1]))
    assert isinstance(answer, get_args(PollResponse))
    return answer


def submitted(
    faulty: tuple[FaultyServer, Validator], network: BittensorNetwork, body: bytes, status: int
) -> SubmissionAnswer:
    faulty[0].body, faulty[0].status = body, status
    kind = SubmissionKind.RESULT
    answer = asyncio.run(network.submit(faulty[1], task=a_task(), kind=kind, spz=b"x"))
    assert isinstance(answer, SubmissionAnswer)
    return answer


@QUICK
@given(body=bodies | pulls.map(encoded), status=statuses)
@example(body=DEEP, status=200)
@example(body=encoded({"cooldown_until": HUGE}), status=200)
@example(
    body=encoded({"task": {"type": "text", "id": "a", "prompt": "b"}, "validation_threshold": HUGE}),
    status=200,
)
@example(body=b'{"cooldown_until": ' + b"9" * 5000 + b"}", status=200)
def test_any_answer_to_a_pull_is_one_of_the_known_with_numbers_in_range(
    faulty: tuple[FaultyServer, Validator], network: BittensorNetwork, body: bytes, status: int
) -> None:
    answer = pulled(faulty, network, body, status)
    if isinstance(answer, TaskAssigned):
        task = answer.task
        assert task.task_id.isprintable()
        assert 0 < len(task.task_id) <= 200
        assert 0 <= task.validation_threshold <= 10
        assert 0 <= task.throttle_s <= 86_400
        task.prompt.encode()
    if isinstance(answer, CoolingDown | NotRegistered):
        assert answer.until - SystemClock().now() <= MAX_COOLDOWN + timedelta(seconds=1)


@QUICK
@given(body=bodies | submissions.map(encoded), status=statuses)
@example(body=DEEP, status=200)
@example(body=encoded({"feedback": {"current_miner_reward": HUGE}}), status=200)
@example(body=encoded({"feedback": {"generations_within_the_window": HUGE}}), status=200)
@example(body=encoded({"cooldown_until": -HUGE}), status=200)
def test_any_answer_to_a_submission_is_an_outcome_with_numbers_in_range(
    faulty: tuple[FaultyServer, Validator], network: BittensorNetwork, body: bytes, status: int
) -> None:
    answer = submitted(faulty, network, body, status)
    assert answer.message.isprintable()
    if answer.feedback is not None:
        numbers = [value for value in asdict(answer.feedback).values() if isinstance(value, int | float)]
        assert all(math.isfinite(number) and 0 <= number <= 1e9 for number in numbers)
    if answer.cooldown_until is not None:
        assert answer.cooldown_until - SystemClock().now() <= MAX_COOLDOWN + timedelta(seconds=1)


def test_a_whole_task_still_comes_through(
    faulty: tuple[FaultyServer, Validator], network: BittensorNetwork
) -> None:
    """The hostile prompt is a prompt: it is signed as it came and shown only as one plain line."""
    prompt = "a vase'; DROP TABLE tasks; -- $(reboot) <script> ![x](http://evil) \x1b[31m\n\u202e"
    body = encoded({"task": {"type": "text", "id": "t1", "prompt": prompt}, "validation_threshold": 0.7})
    answer = pulled(faulty, network, body, 200)
    assert isinstance(answer, TaskAssigned)
    assert answer.task.prompt == prompt
