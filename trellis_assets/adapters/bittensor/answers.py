"""What a validator's answer means. Pure: synapse and call facts in, a port's answer out."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp

from trellis_assets.adapters.bittensor import synapses
from trellis_assets.domain import feedback as domain_feedback
from trellis_assets.domain.submissions import (
    SubmissionKind,
    SubmissionOutcome,
    outcome_of_feedback,
)
from trellis_assets.domain.tasks import PulledTask, TaskKind, printable
from trellis_assets.domain.validators import bounded_cooldown
from trellis_assets.ports import (
    CoolingDown,
    NoTask,
    NotRegistered,
    PollAnswer,
    Rubbish,
    SubmissionAnswer,
    TaskAssigned,
    Unreachable,
)

MAX_TASK_ID = 200
MAX_PROMPT = {TaskKind.TEXT: 64 * 1024, TaskKind.IMAGE: 48 * 1024 * 1024}
MAX_REWARD = 1e9
# An unknown hotkey is sent away for an hour without a violation; every other refusal is shorter
# or counts one (PROTOCOL 4.1).
UNREGISTERED_COOLDOWN = timedelta(seconds=3540)

HTTP_OK = 200
HTTP_FORBIDDEN = 403
HTTP_TIMEOUT = 408
HTTP_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Call:
    """How an HTTP exchange went: status None when no answer came."""

    status: int | None
    error: Exception | None

    @property
    def text(self) -> str:
        """The failure in one printable line."""
        if self.error is not None:
            return printable(f"{type(self.error).__name__}: {self.error}", 300)
        return f"HTTP {self.status}"


def read_pull(synapse: synapses.PullTask, call: Call, now: datetime) -> PollAnswer:
    """The answer to a pull; what is not the protocol is `Rubbish`, with the reason."""
    if call.status is None:
        if isinstance(call.error, (aiohttp.ClientError, asyncio.TimeoutError, OSError)):
            never_sent = isinstance(call.error, aiohttp.ClientConnectorError)
            return Unreachable(call.text, may_have_assigned=not never_sent)
        return Rubbish(call.text)
    if call.status != HTTP_OK:
        return Unreachable(call.text, may_have_assigned=call.status >= HTTP_SERVER_ERROR)
    if call.error is not None:
        return Rubbish(call.text)
    if synapse.task is not None:
        return _read_task(synapse)
    until = bounded_cooldown(synapse.cooldown_until, now)
    if until is None:
        return NoTask()
    if synapse.cooldown_violations <= 0 and until - now >= UNREGISTERED_COOLDOWN:
        return NotRegistered(until)
    return CoolingDown(until, violations=min(max(0, synapse.cooldown_violations), 10**6))


def _read_task(synapse: synapses.PullTask) -> TaskAssigned | Rubbish:
    wire = synapse.task
    assert wire is not None
    kind = TaskKind(wire.type)
    if not 0 < len(wire.id) <= MAX_TASK_ID or not wire.id.isprintable():
        return Rubbish(f"task id is empty, not printable or longer than {MAX_TASK_ID} characters")
    if len(wire.prompt) > MAX_PROMPT[kind]:
        return Rubbish(f"{kind} prompt has {len(wire.prompt)} characters, more than {MAX_PROMPT[kind]}")
    if "\0" in wire.prompt or not _is_unicode(wire.prompt):
        return Rubbish("prompt holds characters that can be neither stored nor signed")
    return TaskAssigned(
        PulledTask(
            task_id=wire.id,
            kind=kind,
            prompt=wire.prompt,
            validation_threshold=domain_feedback.finite_in(synapse.validation_threshold, 0.0, 10.0),
            throttle_s=min(max(0, synapse.throttle_period), 86_400),
        )
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read_submission(
    synapse: synapses.SubmitResults, call: Call, kind: SubmissionKind, now: datetime
) -> SubmissionAnswer:
    """What became of a submission.

    Only a refused connection proves that nothing was sent. A 5xx answer or a broken connection
    leaves open whether the result counted (PROTOCOL 9-16).
    """
    if call.status == HTTP_OK and call.error is None:
        feedback = read_feedback(synapse.feedback, now)
        until = bounded_cooldown(synapse.cooldown_until, now)
        return SubmissionAnswer(outcome_of_feedback(kind, feedback, until), feedback, until, "answered")
    return SubmissionAnswer(_outcome_of_failure(call), None, None, call.text)


def _outcome_of_failure(call: Call) -> SubmissionOutcome:
    if call.status == HTTP_FORBIDDEN:
        return SubmissionOutcome.NOT_ASSIGNED
    if call.status is None:
        refused = isinstance(call.error, aiohttp.ClientConnectorError)
        return SubmissionOutcome.NOT_SENT if refused else SubmissionOutcome.ANSWER_LOST
    if call.status in {HTTP_OK, HTTP_TIMEOUT} or call.status >= HTTP_SERVER_ERROR:
        return SubmissionOutcome.ANSWER_LOST
    return SubmissionOutcome.REFUSED


def read_feedback(wire: synapses.Feedback | None, now: datetime) -> domain_feedback.Feedback | None:
    """The feedback with every number finite and in range; NaN counts as zero."""
    if wire is None:
        return None
    cut = domain_feedback.finite_in
    rating = wire.current_duel_rating if "current_duel_rating" in wire.model_fields_set else None
    return domain_feedback.Feedback(
        validation_failed=wire.validation_failed,
        task_fidelity_score=cut(wire.task_fidelity_score, 0.0, 1.0),
        average_fidelity_score=cut(wire.average_fidelity_score, 0.0, 1.0),
        generations_within_the_window=min(max(0, wire.generations_within_the_window), 10**6),
        current_duel_rating=None if rating is None else cut(rating, 0.0, 10_000.0),
        current_miner_reward=cut(wire.current_miner_reward, 0.0, MAX_REWARD),
        received_at=now.astimezone(UTC),
    )
