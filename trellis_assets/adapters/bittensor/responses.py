"""What a validator's response means. Pure: the response in, a port's answer out."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from trellis_assets.adapters.bittensor.messages import CallFailure, HttpAnswer
from trellis_assets.adapters.bittensor.wire import (
    FEEDBACK_RANGES,
    FeedbackFields,
    MalformedAnswerError,
    Number,
    PullFields,
    RefusalFields,
    SubmissionFields,
    TaskFields,
    decode,
)
from trellis_assets.domain.clock_offset import Offset, measure_offset
from trellis_assets.domain.feedback import Feedback, finite_in
from trellis_assets.domain.submissions import (
    SubmissionKind,
    SubmissionOutcome,
    outcome_of_feedback,
)
from trellis_assets.domain.tasks import PulledTask, TaskKind, printable
from trellis_assets.domain.validators import bounded_cooldown
from trellis_assets.ports import (
    CoolingDown,
    HttpExchange,
    MalformedResponse,
    NoTask,
    NotRegistered,
    PollResponse,
    SubmissionAnswer,
    TaskAssigned,
    Unreachable,
)

MAX_TASK_ID = 200
# An image prompt is the base64 text of a file: 16 MiB of text are 12 MiB of PNG, JPEG or WebP.
MAX_PROMPT = {TaskKind.TEXT: 64 * 1024, TaskKind.IMAGE: 16 * 1024 * 1024}
# What an answer holds beside its longest prompt: the synapse's own fields, some kilobytes.
ANSWER_WITHOUT_PROMPT = 64 * 1024
MAX_PULL_BYTES = MAX_PROMPT[TaskKind.IMAGE] + ANSWER_WITHOUT_PROMPT
# An unknown hotkey is sent away for an hour without a violation; every other refusal is shorter
# or counts one (PROTOCOL 4.1).
UNREGISTERED_COOLDOWN = timedelta(seconds=3540)

HTTP_OK = 200
HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403
HTTP_TIMEOUT = 408
HTTP_SERVER_ERROR = 500
_LONGEST_REFUSAL = 4096


def read_pull(answer: HttpAnswer | CallFailure, now: datetime) -> PollResponse:
    """Return the answer to a pull; what is not the protocol is `MalformedResponse`, with the reason."""
    if isinstance(answer, CallFailure):
        if answer.is_malformed:
            return MalformedResponse(answer.reason)
        return Unreachable(answer.reason, may_have_assigned=not answer.never_sent)
    exchange = exchange_of(answer)
    if answer.status != HTTP_OK:
        may_have_assigned = answer.status >= HTTP_SERVER_ERROR
        return Unreachable(refusal_of(answer), may_have_assigned=may_have_assigned, exchange=exchange)
    try:
        fields = decode(answer.body, PullFields)
    except MalformedAnswerError as error:
        return MalformedResponse(printable(f"not an answer to a pull: {error}", 300), exchange=exchange)
    if fields.task is not None:
        return _read_task(fields, fields.task, exchange)
    until = bounded_cooldown(whole(fields.cooldown_until), now, offset_in(exchange, now))
    if until is None:
        return NoTask(exchange=exchange)
    violations = min(max(0, whole(fields.cooldown_violations)), 10**6)
    if violations == 0 and until - now >= UNREGISTERED_COOLDOWN:
        return NotRegistered(until, exchange=exchange)
    return CoolingDown(until, violations=violations, exchange=exchange)


def _read_task(
    fields: PullFields, task: TaskFields, exchange: HttpExchange
) -> TaskAssigned | MalformedResponse:
    kind = TaskKind(task.type)
    if not 0 < len(task.id) <= MAX_TASK_ID or not task.id.isprintable():
        reason = f"task id is empty, not printable or longer than {MAX_TASK_ID} characters"
        return MalformedResponse(reason, exchange=exchange)
    if len(task.prompt) > MAX_PROMPT[kind]:
        reason = f"{kind} prompt has {len(task.prompt)} characters, more than {MAX_PROMPT[kind]}"
        return MalformedResponse(reason, exchange=exchange)
    if "\0" in task.prompt:
        return MalformedResponse("the prompt holds a NUL, which cannot be stored", exchange=exchange)
    return TaskAssigned(
        PulledTask(
            task_id=task.id,
            kind=kind,
            prompt=task.prompt,
            validation_threshold=finite_in(fields.validation_threshold, 0.0, 10.0),
            throttle_s=min(max(0, whole(fields.throttle_period)), 86_400),
        ),
        exchange=exchange,
    )


def read_submission(
    answer: HttpAnswer | CallFailure, kind: SubmissionKind, now: datetime
) -> SubmissionAnswer:
    """Return what became of a submission.

    Only a connection that never came about proves that nothing was sent. A 5xx answer or a broken connection
    leaves open whether the result counted (PROTOCOL 9-16).
    """
    if isinstance(answer, CallFailure):
        outcome = SubmissionOutcome.NOT_SENT if answer.never_sent else SubmissionOutcome.ANSWER_LOST
        return SubmissionAnswer(outcome, None, None, answer.reason)
    exchange = exchange_of(answer)
    if answer.status != HTTP_OK:
        outcome = _outcome_of_refusal(answer.status)
        return SubmissionAnswer(outcome, None, None, refusal_of(answer), exchange)
    try:
        fields = decode(answer.body, SubmissionFields)
    except MalformedAnswerError as error:
        message = printable(f"not an answer to a submission: {error}", 300)
        return SubmissionAnswer(SubmissionOutcome.ANSWER_LOST, None, None, message, exchange)
    feedback = read_feedback(fields.feedback, now)
    until = bounded_cooldown(whole(fields.cooldown_until), now, offset_in(exchange, now))
    return SubmissionAnswer(outcome_of_feedback(kind, feedback, until), feedback, until, "answered", exchange)


def _outcome_of_refusal(status: int) -> SubmissionOutcome:
    if status == HTTP_FORBIDDEN:
        return SubmissionOutcome.NOT_ASSIGNED
    if status == HTTP_TIMEOUT or status >= HTTP_SERVER_ERROR:
        return SubmissionOutcome.ANSWER_LOST
    return SubmissionOutcome.REFUSED


def read_feedback(fields: FeedbackFields | None, now: datetime) -> Feedback | None:
    """Return the feedback with every number cut to its range."""
    if fields is None:
        return None
    found = {name: getattr(fields, name) for name in FEEDBACK_RANGES}
    numbers: dict[str, Any] = {
        name: None if value is None else finite_in(value, *FEEDBACK_RANGES[name])
        for name, value in found.items()
    }
    return Feedback(
        validation_failed=fields.validation_failed,
        generations_within_the_window=min(max(0, whole(fields.generations_within_the_window)), 10**6),
        received_at=now.astimezone(UTC),
        **numbers,
    )


def exchange_of(answer: HttpAnswer) -> HttpExchange:
    """Return what the call tells of the validator's clock and distance."""
    return HttpExchange(answer.server_time, answer.round_trip_s)


def offset_in(exchange: HttpExchange | None, now: datetime) -> Offset | None:
    """Return how far the validator's clock is from ours, by the answer that came just now."""
    return None if exchange is None else measure_offset(exchange.server_time, exchange.round_trip_s, now)


def refusal_of(answer: HttpAnswer) -> str:
    """Return the status, and what an Axon says of it, in one printable line."""
    said = ""
    if len(answer.body) <= _LONGEST_REFUSAL:
        try:
            said = decode(answer.body, RefusalFields).message
        except MalformedAnswerError:
            said = ""  # a proxy's page: the status says enough
    return printable(f"HTTP {answer.status}: {said}" if said else f"HTTP {answer.status}", 300)


def whole(number: Number) -> int:
    """Return the number without its fraction; the decoder lets no infinity through."""
    return math.trunc(number)
