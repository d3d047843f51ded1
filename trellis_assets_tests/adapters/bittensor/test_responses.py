"""Validators are untrusted: every response becomes one of the known answers, or rubbish with a reason."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trellis_assets.adapters.bittensor.messages import CallFailure, HttpAnswer
from trellis_assets.adapters.bittensor.responses import read_pull, read_submission
from trellis_assets.domain.submissions import SubmissionKind, SubmissionOutcome
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import (
    CoolingDown,
    HttpExchange,
    MalformedResponse,
    NoTask,
    NotRegistered,
    PollResponse,
    TaskAssigned,
    Unreachable,
)
from trellis_assets.testing.fakes import NOW

NOW_S = int(NOW.timestamp())
SERVER_TIME = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REFUSED = CallFailure("no connection: refused", never_sent=True)
LATE = CallFailure("no whole answer within 12 s")
BROKEN_HTTP = CallFailure("malformed response: not HTTP", is_malformed=True)


def response(body: bytes, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status, bytearray(body), SERVER_TIME, 0.25)


def answered(status: int = 200, **fields: Any) -> HttpAnswer:
    return response(json.dumps(fields).encode(), status)


def pulled(**fields: Any) -> PollResponse:
    return read_pull(answered(**fields), NOW)


def text(prompt: str = "a red vase", task_id: str = "t1") -> dict[str, str]:
    return {"type": "text", "id": task_id, "prompt": prompt}


def test_a_task_is_read_with_its_threshold_and_throttle() -> None:
    answer = pulled(task=text(), validation_threshold=0.7, throttle_period=30)
    assert isinstance(answer, TaskAssigned)
    assert (answer.task.task_id, answer.task.prompt) == ("t1", "a red vase")
    assert (answer.task.validation_threshold, answer.task.throttle_s) == (0.7, 30)


def test_whole_numbers_may_be_written_with_a_fraction() -> None:
    answer = pulled(cooldown_until=NOW_S + 60.5, cooldown_violations=3.0)
    assert answer == CoolingDown(NOW + timedelta(seconds=60), 3)


def test_an_old_validators_task_without_type_is_text_and_an_image_task_is_image() -> None:
    old = pulled(task={"id": "t1", "prompt": "vase"})
    image = pulled(task={"type": "image", "id": "t2", "prompt": "aGk="})
    assert isinstance(old, TaskAssigned)
    assert isinstance(image, TaskAssigned)
    assert (old.task.kind, image.task.kind) == (TaskKind.TEXT, TaskKind.IMAGE)


def test_a_task_without_an_id_is_not_taken() -> None:
    """An id that we made up could not be submitted: the validator would not know it."""
    assert isinstance(pulled(task={"prompt": "vase"}), MalformedResponse)


def test_a_refusal_with_violations_is_a_cooldown() -> None:
    answer = pulled(cooldown_until=NOW_S + 60, cooldown_violations=3)
    assert answer == CoolingDown(NOW + timedelta(seconds=60), 3)


def test_an_hour_without_a_violation_means_not_registered() -> None:
    assert pulled(cooldown_until=NOW_S + 3600) == NotRegistered(NOW + timedelta(hours=1))


@pytest.mark.parametrize("cooldown", [0, -1, NOW_S - 10])
def test_nothing_at_all_is_no_task(cooldown: int) -> None:
    assert pulled(cooldown_until=cooldown) == NoTask()


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
    assert isinstance(pulled(task=task), MalformedResponse)


@pytest.mark.parametrize(("threshold", "read"), [(1e308, 10.0), (-3.0, 0.0)])
def test_a_threshold_out_of_range_is_cut_to_it(threshold: float, read: float) -> None:
    answer = pulled(task=text(), validation_threshold=threshold)
    assert isinstance(answer, TaskAssigned)
    assert answer.task.validation_threshold == read


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_word_for_is_rubbish(number: float) -> None:
    assert isinstance(pulled(task=text(), validation_threshold=number), MalformedResponse)


def test_a_refused_connection_cannot_have_assigned_but_a_time_out_may() -> None:
    refused, late = read_pull(REFUSED, NOW), read_pull(LATE, NOW)
    assert isinstance(refused, Unreachable)
    assert isinstance(late, Unreachable)
    assert (refused.may_have_assigned, late.may_have_assigned) == (False, True)


@pytest.mark.parametrize("answer", [response(b"no json"), BROKEN_HTTP])
def test_what_does_not_parse_is_rubbish(answer: HttpAnswer | CallFailure) -> None:
    assert isinstance(read_pull(answer, NOW), MalformedResponse)


@pytest.mark.parametrize("answer", [answered(task=text()), answered(), answered(status=500), response(b"[")])
def test_every_response_tells_the_servers_time_and_its_distance(answer: HttpAnswer) -> None:
    assert read_pull(answer, NOW).exchange == HttpExchange(SERVER_TIME, 0.25)


def test_a_refusal_says_why_in_the_axons_words_in_one_line() -> None:
    refused = read_pull(answered(401, message="Not Verified with error:\n Nonce is too old"), NOW)
    assert isinstance(refused, Unreachable)
    assert refused.reason == "HTTP 401: Not Verified with error:  Nonce is too old"
    page = read_pull(response(b"<html>" * 1000, 502), NOW)
    assert isinstance(page, Unreachable)
    assert page.reason == "HTTP 502"


def outcome(answer: HttpAnswer | CallFailure) -> SubmissionOutcome:
    return read_submission(answer, SubmissionKind.RESULT, NOW).outcome


def test_an_accepted_result_carries_feedback_and_cooldown() -> None:
    feedback = {"task_fidelity_score": 0.8, "current_miner_reward": 10}
    body = answered(feedback=feedback, cooldown_until=NOW_S + 300)
    answer = read_submission(body, SubmissionKind.RESULT, NOW)
    assert answer.outcome is SubmissionOutcome.ACCEPTED
    assert answer.cooldown_until == NOW + timedelta(seconds=300)
    assert answer.feedback is not None
    assert answer.feedback.current_miner_reward == 10
    assert answer.exchange == HttpExchange(SERVER_TIME, 0.25)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answered(403), SubmissionOutcome.NOT_ASSIGNED),
        (answered(401), SubmissionOutcome.REFUSED),
        (answered(404), SubmissionOutcome.REFUSED),
        (answered(302), SubmissionOutcome.REFUSED),
        (answered(500), SubmissionOutcome.ANSWER_LOST),
        (answered(408), SubmissionOutcome.ANSWER_LOST),
        (response(b"{"), SubmissionOutcome.ANSWER_LOST),
        (LATE, SubmissionOutcome.ANSWER_LOST),
        (BROKEN_HTTP, SubmissionOutcome.ANSWER_LOST),
        (REFUSED, SubmissionOutcome.NOT_SENT),
    ],
)
def test_only_a_refused_connection_proves_that_nothing_was_sent(
    answer: HttpAnswer | CallFailure, expected: SubmissionOutcome
) -> None:
    assert outcome(answer) is expected


def test_feedback_is_in_range_and_old_validators_have_no_rating() -> None:
    fields = {
        "task_fidelity_score": -1.0,
        "average_fidelity_score": 99.0,
        "generations_within_the_window": -5,
        "current_miner_reward": 1e300,
    }
    read = read_submission(answered(feedback=fields), SubmissionKind.RESULT, NOW).feedback
    assert read is not None
    assert (read.task_fidelity_score, read.average_fidelity_score) == (0.0, 1.0)
    assert (read.generations_within_the_window, read.current_miner_reward) == (0, 1e9)
    assert read.current_duel_rating is None
    rated = read_submission(answered(feedback={"current_duel_rating": 1500}), SubmissionKind.RESULT, NOW)
    assert rated.feedback is not None
    assert rated.feedback.current_duel_rating == 1500.0
