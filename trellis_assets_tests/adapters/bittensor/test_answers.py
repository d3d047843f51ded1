"""Validators are strangers: every answer becomes one of the known ones, or rubbish with a reason."""

import math
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from trellis_assets.adapters.bittensor.answers import Call, read_feedback, read_pull, read_submission
from trellis_assets.adapters.bittensor.synapses import Feedback, PullTask, SubmitResults
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import CoolingDown, NoTask, NotRegistered, Rubbish, TaskAssigned, Unreachable
from trellis_assets_tests.fakes import NOW

OK = Call(200, None)
NOW_S = int(NOW.timestamp())
KEY = ConnectionKey(
    "127.0.0.1", 1, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
)
REFUSED = aiohttp.ClientConnectorError(KEY, OSError("refused"))


def pull(**fields: Any) -> PullTask:
    return PullTask(**fields)


def text(prompt: str = "a red vase", task_id: str = "t1") -> dict[str, str]:
    return {"type": "text", "id": task_id, "prompt": prompt}


def test_a_task_is_read_with_its_threshold_and_throttle() -> None:
    answer = read_pull(pull(task=text(), validation_threshold=0.7, throttle_period=30), OK, NOW)
    assert isinstance(answer, TaskAssigned)
    assert (answer.task.task_id, answer.task.prompt) == ("t1", "a red vase")
    assert (answer.task.validation_threshold, answer.task.throttle_s) == (0.7, 30)


def test_an_old_validators_task_without_type_is_text_and_an_image_task_is_image() -> None:
    old = read_pull(pull(task={"id": "t1", "prompt": "vase"}), OK, NOW)
    image = read_pull(pull(task={"type": "image", "id": "t2", "prompt": "aGk="}), OK, NOW)
    assert isinstance(old, TaskAssigned)
    assert isinstance(image, TaskAssigned)
    assert (old.task.kind, image.task.kind) == (TaskKind.TEXT, TaskKind.IMAGE)


def test_a_refusal_with_violations_is_a_cooldown() -> None:
    answer = read_pull(pull(cooldown_until=NOW_S + 60, cooldown_violations=3), OK, NOW)
    assert answer == CoolingDown(NOW + timedelta(seconds=60), 3)


def test_an_hour_without_a_violation_means_not_registered() -> None:
    answer = read_pull(pull(cooldown_until=NOW_S + 3600), OK, NOW)
    assert answer == NotRegistered(NOW + timedelta(hours=1))


@pytest.mark.parametrize("cooldown", [0, -1, NOW_S - 10])
def test_nothing_at_all_is_no_task(cooldown: int) -> None:
    assert read_pull(pull(cooldown_until=cooldown), OK, NOW) == NoTask()


@pytest.mark.parametrize(
    "task",
    [
        text(task_id=""),
        text(task_id="x" * 201),
        text(task_id="../../etc\n"),
        text(prompt="a\0b"),
        text(prompt="\ud800"),
        text(prompt="x" * 70_000),
    ],
)
def test_tasks_that_cannot_be_stored_or_signed_are_rubbish(task: dict[str, str]) -> None:
    assert isinstance(read_pull(pull(task=task), OK, NOW), Rubbish)


@pytest.mark.parametrize(("threshold", "read"), [(math.nan, 0.0), (math.inf, 10.0), (-3.0, 0.0)])
def test_a_threshold_that_is_no_number_is_cut_to_range(threshold: float, read: float) -> None:
    answer = read_pull(pull(task=text(), validation_threshold=threshold), OK, NOW)
    assert isinstance(answer, TaskAssigned)
    assert answer.task.validation_threshold == read


def test_a_refused_connection_cannot_have_assigned_but_a_time_out_may() -> None:
    refused = read_pull(pull(), Call(None, REFUSED), NOW)
    late = read_pull(pull(), Call(None, TimeoutError()), NOW)
    assert isinstance(refused, Unreachable)
    assert isinstance(late, Unreachable)
    assert (refused.may_have_assigned, late.may_have_assigned) == (False, True)


def test_a_body_that_does_not_parse_is_rubbish() -> None:
    assert isinstance(read_pull(pull(), Call(200, ValueError("no json")), NOW), Rubbish)


def submission(**fields: Any) -> SubmitResults:
    return SubmitResults(results="", submit_time=1, signature="", **fields)


def outcome(call: Call, **fields: Any) -> SubmissionOutcome:
    return read_submission(submission(**fields), call, SubmissionKind.RESULT, NOW).outcome


def test_an_accepted_result_carries_feedback_and_cooldown() -> None:
    wire = Feedback(task_fidelity_score=0.8, current_miner_reward=10)
    answer = read_submission(
        submission(feedback=wire, cooldown_until=NOW_S + 300), OK, SubmissionKind.RESULT, NOW
    )
    assert answer.outcome is SubmissionOutcome.ACCEPTED
    assert answer.cooldown_until == NOW + timedelta(seconds=300)
    assert answer.feedback is not None
    assert answer.feedback.current_miner_reward == 10


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Call(403, None), SubmissionOutcome.NOT_ASSIGNED),
        (Call(401, None), SubmissionOutcome.REFUSED),
        (Call(404, None), SubmissionOutcome.REFUSED),
        (Call(500, None), SubmissionOutcome.ANSWER_LOST),
        (Call(408, None), SubmissionOutcome.ANSWER_LOST),
        (Call(200, ValueError("truncated")), SubmissionOutcome.ANSWER_LOST),
        (Call(None, TimeoutError()), SubmissionOutcome.ANSWER_LOST),
        (Call(None, aiohttp.ServerDisconnectedError()), SubmissionOutcome.ANSWER_LOST),
        (Call(None, REFUSED), SubmissionOutcome.NOT_SENT),
    ],
)
def test_only_a_refused_connection_proves_that_nothing_was_sent(
    call: Call, expected: SubmissionOutcome
) -> None:
    assert outcome(call) is expected


def test_feedback_is_finite_and_in_range_and_old_validators_have_no_rating() -> None:
    read = read_feedback(
        Feedback(
            task_fidelity_score=math.nan,
            average_fidelity_score=99.0,
            generations_within_the_window=-5,
            current_miner_reward=math.inf,
        ),
        NOW,
    )
    assert read is not None
    assert (read.task_fidelity_score, read.average_fidelity_score) == (0.0, 1.0)
    assert read.generations_within_the_window == 0
    assert math.isfinite(read.current_miner_reward)
    assert read.current_duel_rating is None
    rated = read_feedback(Feedback(current_duel_rating=1500.0), NOW)
    assert rated is not None
    assert rated.current_duel_rating == 1500.0
