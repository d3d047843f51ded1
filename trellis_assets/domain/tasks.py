"""A task from the moment a validator hands it out to its one final state."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.generations import Generation
from trellis_assets.domain.submissions import Submission
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.system.compat import StrEnum

# A run holds its task for so long at a time: a dead worker's task is taken over within 60 s.
LEASE = timedelta(seconds=30)


class TaskKind(StrEnum):
    """What the prompt is: words, or the base64 text of an image file."""

    TEXT = "text"
    IMAGE = "image"


class TaskState(StrEnum):
    """Where a task stands. The step under way is named in -ing, a finished one in the past."""

    PULLED = "pulled"
    GENERATING = "generating"
    GENERATED = "generated"
    VALIDATING = "validating"
    VALIDATED = "validated"
    # Decided to hand it back empty; the reason is stored.
    DECLINED = "declined"
    SUBMITTING = "submitting"
    # The validator answered with a zero score but kept the task: its next pull tells.
    UNSETTLED = "unsettled"
    # Final states.
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    HANDED_BACK = "handed_back"
    ANSWER_UNKNOWN = "answer_unknown"
    FAILED = "failed"
    KEPT = "kept"  # generated and not submitted, because submission is switched off


FINAL_STATES = frozenset(
    {
        TaskState.ACCEPTED,
        TaskState.REJECTED,
        TaskState.HANDED_BACK,
        TaskState.ANSWER_UNKNOWN,
        TaskState.FAILED,
        TaskState.KEPT,
    }
)

UNFINISHED_STATES = frozenset(set(TaskState) - FINAL_STATES)
# A run may pick these up; `submitting` is only ever resolved by what the validator says.
WORKABLE_STATES = UNFINISHED_STATES - {TaskState.SUBMITTING, TaskState.UNSETTLED}
# Settled as far as we know, until the validator serves the task again: that is the proof that it
# waits for another answer, so that answering is not a blind repetition.
REOPENABLE_STATES = frozenset(
    {
        # The validator was restored from older state: there it was never accepted.
        TaskState.ACCEPTED,
        TaskState.UNSETTLED,
        TaskState.ANSWER_UNKNOWN,
        TaskState.REJECTED,
        TaskState.HANDED_BACK,
        TaskState.FAILED,
        TaskState.KEPT,
    }
)

_S = TaskState
_REOPENED = frozenset({_S.PULLED, _S.GENERATED, _S.VALIDATED})
_ANSWERED = frozenset({_S.ACCEPTED, _S.REJECTED, _S.HANDED_BACK, _S.ANSWER_UNKNOWN, _S.FAILED, _S.UNSETTLED})
_ENDED_WITHOUT_VALIDATOR = frozenset({_S.DECLINED, _S.FAILED, _S.KEPT})
LEGAL_TRANSITIONS: dict[TaskState, frozenset[TaskState]] = {
    _S.PULLED: frozenset({_S.GENERATING, _S.GENERATED}) | _ENDED_WITHOUT_VALIDATOR,
    # Back a step: the worker died and another takes over.
    _S.GENERATING: frozenset({_S.PULLED, _S.GENERATING, _S.GENERATED}) | _ENDED_WITHOUT_VALIDATOR,
    _S.GENERATED: frozenset({_S.PULLED, _S.VALIDATING, _S.VALIDATED}) | _ENDED_WITHOUT_VALIDATOR,
    _S.VALIDATING: frozenset({_S.PULLED, _S.VALIDATING, _S.VALIDATED}) | _ENDED_WITHOUT_VALIDATOR,
    _S.VALIDATED: frozenset({_S.PULLED, _S.SUBMITTING}) | _ENDED_WITHOUT_VALIDATOR,
    _S.DECLINED: frozenset({_S.SUBMITTING, _S.FAILED, _S.KEPT}),
    # Back: the call provably never reached the validator: try again.
    _S.SUBMITTING: _ANSWERED | {_S.VALIDATED, _S.DECLINED},
    _S.UNSETTLED: _REOPENED | {_S.REJECTED, _S.HANDED_BACK, _S.ANSWER_UNKNOWN, _S.FAILED},
    # The run that was taken for dead, by a clock that jumped, brings the answer after all.
    _S.ANSWER_UNKNOWN: _REOPENED | _ANSWERED,
    _S.FAILED: _REOPENED,
    _S.REJECTED: _REOPENED,
    _S.HANDED_BACK: _REOPENED,
    _S.KEPT: _REOPENED,
    # No run moves it again; only its validator's asking anew opens it.
    _S.ACCEPTED: frozenset(),
}


class IllegalTransitionError(ValueError):
    """A task was asked to move to a state it cannot reach from where it is."""


def check_transition(task_key: int, current: TaskState, wanted: TaskState) -> None:
    """Raise unless the move is legal.

    Raises:
        IllegalTransitionError: naming the task and both states.
    """
    if wanted not in LEGAL_TRANSITIONS[current]:
        raise IllegalTransitionError(f"task {task_key} cannot go from {current} to {wanted}")


def is_final(state: TaskState) -> bool:
    """Return whether the state is final: nothing more is done unless the validator serves the task again."""
    return state in FINAL_STATES


def prompt_hash(prompt: str) -> str:
    """Return the SHA-256 of the prompt's UTF-8 bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class PulledTask:
    """What a validator handed out, before the store knows it.

    Attributes:
        validation_threshold: the least score the validator accepts.
        throttle_s: how much of the working time counts against the cooldown (PROTOCOL 4.3).
    """

    task_id: str
    kind: TaskKind
    prompt: str
    validation_threshold: float
    throttle_s: int


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the task table as a value. Times are aware UTC.

    `validator_*` are None for a task made from the default prompts (`--no-harvest`). `submit_after`: its
    validator scores nothing before this time.
    """

    key: int
    task_id: str
    miner_hotkey: str
    validator_uid: int | None
    validator_hotkey: str | None
    validator_stake: float | None
    kind: TaskKind
    prompt: str
    prompt_sha256: str
    validation_threshold: float
    throttle_s: int
    pulled_at: datetime
    state: TaskState
    attempt: int = 0
    requested_at: datetime | None = None
    run_id: str | None = None
    claimed_until: datetime | None = None
    finished_at: datetime | None = None
    reason: str | None = None
    session_id: int | None = None
    generation: Generation | None = None
    verdict: Verdict | None = None
    submission: Submission | None = None
    feedback: Feedback | None = None
    submit_after: datetime | None = None

    @property
    def is_harvested(self) -> bool:
        """Return whether a validator waits for the result."""
        return self.validator_hotkey is not None

    @property
    def run_key(self) -> str:
        """Return the Dagster run key: one run per task, and one more per deliberate attempt."""
        base = f"{self.miner_hotkey}:{self.validator_hotkey or 'prompts'}:{self.task_id}"
        return base if self.attempt == 0 else f"{base}:{self.attempt}"

    @property
    def label(self) -> str:
        """Return the prompt as one short printable line: for logs and the UI, never for the wire."""
        if self.kind is TaskKind.IMAGE:
            return f"image:{self.prompt_sha256[:12]}"
        return printable(self.prompt)


def printable(text: str, limit: int = 100) -> str:
    """Return `text` in one line without control characters, at most `limit` characters."""
    line = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 3] + "..."
