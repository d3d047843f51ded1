"""Which way up models come is set, said by the server, or found out by judging each way up."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from trellis_assets.adapters.splat_io.codec import BytesCodec
from trellis_assets.adapters.splat_io.spz import decode_spz
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import LocalValidator
from trellis_assets.steps.orient_model import OrientModelStep
from trellis_assets.testing.fakes import MINER, NOW, FakeClock, a_pulled_task, a_validator, a_verdict
from trellis_assets.testing.splats import a_ball

SERVER = "http://gpu:8096"
AS_IS, TRELLIS_PLY, Z_UP = Orientation
RED = np.float32([1.5, -1.5, -1.5])


def a_figure(head: tuple[float, float, float]) -> GaussianSplats:
    """Return a ball whose splats on the side of `head` are red."""
    ball = a_ball(7500)
    is_head = ball.positions @ np.float32(head) > 0.3
    return replace(ball, sh_dc=np.where(is_head[:, None], RED, -RED).astype(np.float32))


def head_of(splats: GaussianSplats) -> list[int]:
    """Return the axis direction of the red splats."""
    middle = splats.positions[splats.sh_dc[:, 0] > 1].mean(axis=0)
    return [int(x) for x in np.round(middle / np.abs(middle).max())]


class SeesUpAndDown:
    """Scores a figure with its head up higher; `alignment` is what it makes of the prompt."""

    name = "upright 1"

    def __init__(self, gain: float) -> None:
        self.gain = gain
        self.calls = 0

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        self.calls += 1
        score = 0.6 + self.gain * (head_of(decode_spz(spz)) == [0, 1, 0])
        return replace(a_verdict(score), parts={"alignment": 0.7}, failed_checks=())


class Server:
    """What answers said of the orientation."""

    def __init__(self, declared: Orientation = AS_IS, *, is_certain: bool = False) -> None:
        self.said = declared, is_certain

    def declared_orientation(self, endpoint: str) -> tuple[Orientation, bool]:
        return self.said


@pytest.fixture
def task(store: SqlStore) -> Task:
    one = a_validator(1)
    store.validators.save([one], NOW)
    arrival = store.arrivals.record(
        a_pulled_task("a", "a figure"), validator=one, miner_hotkey=MINER, now=NOW, session_id=None
    )
    return arrival.task


def step(
    store: SqlStore,
    validator: LocalValidator | None,
    server: Server,
    chosen: Mapping[str, Orientation | None] | None = None,
) -> OrientModelStep:
    return OrientModelStep(
        store.endpoints, BytesCodec(), server, validator, FakeClock(), chosen or {SERVER: None}
    )


@pytest.mark.parametrize(
    ("chosen", "head"), [(AS_IS, (0, 1, 0)), (TRELLIS_PLY, (0, -1, 0)), (Z_UP, (0, 0, 1))]
)
def test_a_set_orientation_turns_models_head_up_without_judging_them(
    store: SqlStore, task: Task, chosen: Orientation, head: tuple[float, float, float]
) -> None:
    validator = SeesUpAndDown(0.3)
    done = step(store, validator, Server(), {SERVER: chosen}).run(task, SERVER, a_figure(head))
    assert head_of(done) == [0, 1, 0]
    assert validator.calls == 0


@pytest.mark.parametrize("head", [(0, -1, 0), (0, 0, 1)])
def test_an_unknown_server_s_orientation_is_found_out_and_then_no_longer_judged(
    store: SqlStore, task: Task, head: tuple[float, float, float]
) -> None:
    validator = SeesUpAndDown(0.3)
    turn = step(store, validator, Server())
    for _ in range(5):
        assert head_of(turn.run(task, SERVER, a_figure(head))) == [0, 1, 0]
    assert validator.calls == 9, "three models, three ways each"
    trials = store.endpoints.named([SERVER])[0].orientation_trials
    assert trials.decided is {(0, -1, 0): TRELLIS_PLY, (0, 0, 1): Z_UP}[head]
    assert "+0.300" in trials.describe()


def test_models_that_come_head_up_are_found_to_and_stay_as_they_are(store: SqlStore, task: Task) -> None:
    turn = step(store, SeesUpAndDown(0.3), Server(TRELLIS_PLY))
    for _ in range(4):
        assert head_of(turn.run(task, SERVER, a_figure((0, 1, 0)))) == [0, 1, 0]
    assert store.endpoints.named([SERVER])[0].orientation_trials.decided is AS_IS


def test_our_own_server_s_word_is_taken(store: SqlStore, task: Task) -> None:
    validator = SeesUpAndDown(0.3)
    turn = step(store, validator, Server(AS_IS, is_certain=True))
    assert head_of(turn.run(task, SERVER, a_figure((0, -1, 0)))) == [0, -1, 0]
    assert validator.calls == 0


def test_without_a_validator_that_looks_at_prompts_the_server_s_kind_decides(
    store: SqlStore, task: Task
) -> None:
    for validator in (None, EmbeddedValidator(FakeClock())):
        turn = step(store, validator, Server(TRELLIS_PLY))
        assert head_of(turn.run(task, SERVER, a_figure((0, -1, 0)))) == [0, 1, 0]
    assert store.endpoints.named([SERVER])[0].orientation_trials.count == 0


def test_equal_scores_end_the_trials_after_twelve_models_and_change_nothing(
    store: SqlStore, task: Task
) -> None:
    validator = SeesUpAndDown(0.0)
    turn = step(store, validator, Server())
    for _ in range(15):
        assert head_of(turn.run(task, SERVER, a_figure((0, -1, 0)))) == [0, -1, 0]
    assert validator.calls == 36
