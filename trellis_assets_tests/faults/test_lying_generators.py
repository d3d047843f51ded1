"""Generation servers that answer well-formed models which are not the model that was ordered."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.generation.http import HttpGenerator
from trellis_assets.adapters.splat_io.spz import decode_spz, encode_spz
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.endpoints.breaker import BreakerState
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import Task, TaskKind, TaskState
from trellis_assets.domain.validators import Validator
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import SubmissionAnswer, TaskAssigned
from trellis_assets.testing.fakes import (
    FakeClock,
    ScriptedNetwork,
    a_pulled_task,
    a_validator,
    a_verdict,
    an_answer,
)
from trellis_assets.testing.hostile_server import Request, serving
from trellis_assets.testing.splats import a_ball
from trellis_assets_tests.faults.miner import Miner

ONE = a_validator(1)
PROMPTS = ("a red ball", "a blue ball")


def painted(prompt: str) -> GaussianSplats:
    """Return a ball in the colour of its prompt: red where it says so, else blue."""
    ball = a_ball()
    colours = ball.sh_dc.copy()
    colours[:] = (1.7, -1.7, -1.7) if "red" in prompt else (-1.7, -1.7, 1.7)
    return replace(ball, sh_dc=colours)


class ColourJudge:
    """A validator that sees whether a model is of its prompt, as the neural one does by CLIP."""

    name = "colours 1"

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        red, _, blue = decode_spz(spz).sh_dc.mean(axis=0)
        return a_verdict(0.8 if (red > blue) == ("red" in prompt) else 0.2)


class HonestValidators(ScriptedNetwork):
    """Accept every result, and take back what is handed back."""

    async def submit(
        self, validator: Validator, *, task: Task, kind: SubmissionKind, spz: bytes
    ) -> SubmissionAnswer:
        is_result = kind is SubmissionKind.RESULT
        outcome = SubmissionOutcome.ACCEPTED if is_result else SubmissionOutcome.HANDED_BACK
        self.answers = [an_answer(outcome)]
        return await super().submit(validator, task=task, kind=kind, spz=spz)


class Mine:
    """One task after the other, made by the server of the test and judged against its prompt."""

    def __init__(self, store: SqlStore, files: LocalFileStore, clock: FakeClock) -> None:
        self.network = HonestValidators([ONE])
        self.miner = Miner(store, files, clock, self.network)
        self.miner.validator = ColourJudge()

    def task(self, task_id: str, prompt: str) -> Task:
        pulled = a_pulled_task(task_id, prompt, validation_threshold=0.6)
        self.network.pulls[ONE.hotkey] = [TaskAssigned(pulled)]
        self.miner.round()
        return self.miner.tasks()[-1]

    def results(self) -> list[str]:
        """Return tasks for which a model was sent."""
        return [task_id for task_id, kind, _ in self.network.submitted if kind is SubmissionKind.RESULT]


@pytest.fixture
def mine(store: SqlStore, files: LocalFileStore, clock: FakeClock) -> Callable[[str], Mine]:
    def at(url: str) -> Mine:
        opened = Mine(store, files, clock)
        opened.miner.generator = HttpGenerator([url], timeout_s=20)
        opened.miner.policy = replace(opened.miner.policy, endpoints=opened.miner.generator.endpoints)
        return opened

    return at


@pytest.mark.sqlite_only
def test_another_requests_model_is_handed_back_and_not_rejected(mine: Callable[[str], Mine]) -> None:
    """As a server answers that writes all its models to one file."""
    other = encode_spz(painted(PROMPTS[1]))
    with serving(lambda request: request.answer(other)) as liar:
        shop = mine(liar)
        task = shop.task("t1", PROMPTS[0])
    assert task.state is TaskState.HANDED_BACK
    assert (task.reason or "").startswith("below_validator_threshold: 0.2000 < 0.6000")
    assert shop.results() == []


@pytest.mark.sqlite_only
def test_a_server_that_swaps_the_models_of_two_prompts_now_and_then_has_only_the_right_ones_sent(
    mine: Callable[[str], Mine],
) -> None:
    made = [0]

    def swaps(request: Request) -> None:
        if request.path == "/health/":
            request.answer(b"{}")
            return
        made[0] += 1
        is_red = b"red" in request.body
        right, wrong = PROMPTS if is_red else PROMPTS[::-1]
        request.answer(encode_spz(painted(right if made[0] % 2 else wrong)))

    with serving(swaps) as liar:
        shop = mine(liar)
        tasks = [shop.task(f"t{number}", f"{PROMPTS[number % 2]} {number}") for number in range(6)]
    assert [task.state for task in tasks] == [TaskState.ACCEPTED, TaskState.HANDED_BACK] * 3
    assert shop.results() == ["t0", "t2", "t4"]


@pytest.mark.sqlite_only
def test_a_server_whose_models_are_one_splat_too_small_has_none_of_them_sent(
    mine: Callable[[str], Mine],
) -> None:
    """Its breaker opens, and each task goes back for a third of a rejection's cooldown."""
    small = encode_spz(a_ball(6999))

    def respond(request: Request) -> None:
        request.answer(b"{}" if request.path == "/health/" else small)

    with serving(respond) as liar:
        shop = mine(liar)
        tasks = [shop.task(f"t{number}", f"{PROMPTS[0]} {number}") for number in range(3)]
        names, now = shop.miner.generator.endpoints, shop.miner.clock.now()
        (endpoint,) = shop.miner.store.endpoints.named(names)
    assert {task.state for task in tasks} == {TaskState.HANDED_BACK}
    assert all("6999 splats" in (task.reason or "") for task in tasks)
    assert endpoint.breaker.state(now) is not BreakerState.CLOSED, "it gets one task at a time to try"
    assert "6999 splats" in (endpoint.last_error or "")
    assert shop.results() == []
