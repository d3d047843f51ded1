"""What recorded tasks say, over a real store."""

import json
from dataclasses import asdict
from datetime import timedelta

import numpy as np
import pytest

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.learning.search import Move
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.ports import StoreError
from trellis_assets.steps.explain_task import ExplainTaskStep, lines_of
from trellis_assets.testing.fakes import NOW, FakeClock, a_validator
from trellis_assets_tests.ended_tasks import History

ACCEPTED, REJECTED = SubmissionOutcome.ACCEPTED, SubmissionOutcome.REJECTED


@pytest.fixture
def history(store: SqlStore) -> History:
    return History(store)


@pytest.fixture
def step(store: SqlStore, clock: FakeClock) -> ExplainTaskStep:
    return ExplainTaskStep(store, clock, gpus=1)


def mine(history: History, n: int) -> None:
    """Answered tasks whose local score tells."""
    rng = np.random.default_rng(1)
    for number in range(n):
        score = float(rng.normal(0.6, 0.15))
        outcome = ACCEPTED if score + rng.normal(0, 0.04) > 0.6 else REJECTED
        at = NOW + timedelta(minutes=number)
        history.answered(score=score, outcome=outcome, at=at, validator=a_validator(1 + number % 2))


def test_a_task_is_explained_by_the_tasks_before_it_and_none_after(
    history: History, step: ExplainTaskStep
) -> None:
    mine(history, 40)
    middle = history.answered(score=0.9, at=NOW + timedelta(minutes=41))
    before = step.run(middle.key)
    mine(history, 10)
    assert step.run(middle.key)[1] == before[1]
    task, found = before
    assert (found.tasks, found.answers) == (40, 40)
    # Models take 2 s here, within the validator's free seconds: another one costs nothing.
    assert found.advised.move is Move.GENERATE
    assert found.advised.best_worth is not None
    assert found.advised.best_worth > 0.9
    assert task.score == pytest.approx(0.9)
    text = "\n".join(lines_of(task, found))
    assert f"task {middle.key} (text): local score 0.9000" in text
    assert "95 % interval" in text
    assert json.loads(json.dumps(asdict(found)))["advised"]["move"] == "generate"


def test_a_task_without_a_local_score_is_explained(history: History, step: ExplainTaskStep) -> None:
    task, found = step.run(history.answered(score=None).key)
    assert found.acceptance is None
    assert "no local score" in "\n".join(lines_of(task, found))


def test_a_task_that_is_not_in_the_store_is_an_error(step: ExplainTaskStep) -> None:
    with pytest.raises(StoreError, match="no task 99"):
        step.run(99)


def test_zero_of_two_is_said_to_tell_nothing(history: History, step: ExplainTaskStep) -> None:
    mine(history, 40)
    other = a_validator(9)
    for _ in range(2):
        history.answered(outcome=REJECTED, validator=other)
    found = {each.validator: each for each in step.validators()}
    few = found[other.hotkey]
    assert (few.accepted, few.answered) == (0, 2)
    assert few.low == 0
    assert few.high > 0.6
    assert "tells no difference" in few.told


def test_replaying_the_gate_that_was_used_gives_what_was_earned(
    history: History, step: ExplainTaskStep
) -> None:
    mine(history, 60)
    as_it_was = step.replay_gate(0.0)
    assert as_it_was is not None
    assert as_it_was.replayed.value == pytest.approx(as_it_was.earned)
    assert as_it_was.replayed.effective == 60
    gated = step.replay_gate(0.6)
    assert gated is not None
    assert gated.replayed.effective < 60
    # Handing back what would be rejected saves its penalty.
    assert gated.replayed.value > as_it_was.earned
    assert gated.replayed.low < gated.replayed.value < gated.replayed.high


def test_without_answers_there_is_nothing_to_replay(history: History, step: ExplainTaskStep) -> None:
    assert step.replay_gate(0.6) is None
    history.handed_back("below_min_score")
    assert step.replay_gate(0.6) is None
    assert step.validators() == []
