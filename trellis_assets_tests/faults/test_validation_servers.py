"""Validation servers that misbehave never cost a task: the model goes on without a verdict."""

import json
from collections.abc import Callable

import pytest

from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.adapters.validation.http import HttpValidator
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import Task, TaskState
from trellis_assets.ports import TaskAssigned
from trellis_assets.testing.fakes import FakeClock, ScriptedNetwork, a_pulled_task, a_validator, an_answer
from trellis_assets.testing.hostile_server import PATIENCE_S, Request, serving, too_slow
from trellis_assets_tests.faults.miner import BallGenerator, Miner

ONE = a_validator(1)
GOOD = {"score": 0.81, "iqa": 0.9, "alignment_score": 0.7, "ssim": 0.95, "lpips": 0.8}


def scores(answer: object = GOOD, *, status: int = 200, **headers: str) -> Callable[[Request], None]:
    """Return a service of today's version that gives this answer to every model."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def respond(request: Request) -> None:
        if request.path == "/version/":
            request.answer(b'"2.4.0"')
        else:
            request.answer(body, status=status, **headers)

    return respond


def endless(request: Request) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(2048):
        request.wfile.write(b"[" * (1 << 20))


def breaks_off(request: Request) -> None:
    request.answer(b'{"score":', content_length="500")


NONSENSE: dict[str, Callable[[Request], None]] = {
    "hangs": too_slow,
    "hangs up": lambda _: None,
    "breaks off": breaks_off,
    "answers 500": scores(b"boom", status=500),
    "answers HTML": scores(b"<html>", content_type="text/html"),
    "an empty body": scores(b""),
    "a list": scores([1]),
    "no score": scores({}),
    "a word for a score": scores(GOOD | {"score": "good"}),
    "a NaN score": scores(GOOD | {"score": float("nan")}),
    "a negative score": scores(GOOD | {"score": -1}),
    "a score beyond all range": scores(GOOD | {"score": 10**400}),
    "all zero": scores(dict.fromkeys(GOOD, 0.0)),
    "JSON without end": endless,
}


def mine(store: SqlStore, files: LocalFileStore, clock: FakeClock, url: str) -> tuple[Task, Miner]:
    network = ScriptedNetwork([ONE])
    network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("a"))]
    network.answers = [an_answer(SubmissionOutcome.ACCEPTED)]
    miner = Miner(store, files, clock, network)
    miner.validator = HttpValidator(url, timeout_s=PATIENCE_S, clock=clock)
    miner.round()
    assert [kind for _, kind, _ in network.submitted] == [SubmissionKind.RESULT]
    assert isinstance(miner.generator, BallGenerator)
    assert miner.generator.made == 1
    return miner.only_task(), miner


@pytest.mark.parametrize("fault", NONSENSE)
def test_a_service_that_answers_nonsense_stops_no_result(
    store: SqlStore, files: LocalFileStore, clock: FakeClock, fault: str
) -> None:
    with serving(NONSENSE[fault]) as url:
        task, _ = mine(store, files, clock, url)
    assert (task.state, task.verdict) == (TaskState.ACCEPTED, None)


def test_a_service_that_is_down_stops_no_result(
    store: SqlStore, files: LocalFileStore, clock: FakeClock
) -> None:
    with serving(scores()) as url:
        pass
    task, _ = mine(store, files, clock, url)
    assert (task.state, task.verdict) == (TaskState.ACCEPTED, None)


def test_a_service_that_is_back_is_asked_again(
    store: SqlStore, files: LocalFileStore, clock: FakeClock
) -> None:
    """Within one task: the first try fails, the second gives the verdict."""
    answers = [scores(b"starting", status=503), scores()]

    def respond(request: Request) -> None:
        is_question = request.path != "/version/"
        (answers.pop(0) if is_question and len(answers) > 1 else answers[0])(request)

    with serving(respond) as url:
        task, _ = mine(store, files, clock, url)
    assert task.verdict is not None
    assert task.verdict.score == 0.81


def test_a_model_submitted_unseen_says_why_while_it_waits(
    store: SqlStore, files: LocalFileStore, clock: FakeClock
) -> None:
    network = ScriptedNetwork([ONE])
    network.pulls[ONE.hotkey] = [TaskAssigned(a_pulled_task("a"))]
    miner = Miner(store, files, clock, network)
    with serving(scores(b"boom", status=500)) as url:
        miner.validator = HttpValidator(url, timeout_s=PATIENCE_S, clock=clock)
        miner.pull()
        (task,) = miner.requested()
        miner.generate(task.key, "run")
        validated = miner.validate(task.key, "run")
    assert validated is not None
    assert validated.state is TaskState.VALIDATED
    assert (validated.reason or "").startswith("local validation unavailable: ")
    assert "500" in (validated.reason or "")
