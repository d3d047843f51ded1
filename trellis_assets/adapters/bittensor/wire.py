"""What is read of an answer, decoded straight from its bytes.

msgspec builds only the fields that are named here: it skips everything else without building it, in one pass
and in time that grows with the length alone. JSON is UTF-8, without NaN and infinity, as RFC 8259 has it.
"""

from typing import Literal, TypeVar

import msgspec

Fields = TypeVar("Fields")


MAX_REWARD = 1e9
# The protocol's whole numbers; a validator that computes them may send 30.0.
Number = int | float


class MalformedAnswerError(ValueError):
    """The bytes are not such an answer; the text is one of the decoder's own sentences."""


class TaskFields(msgspec.Struct, frozen=True):
    """A task; older validators leave `type` out."""

    id: str
    prompt: str = ""
    type: Literal["text", "image"] = "text"


class PullFields(msgspec.Struct, frozen=True):
    """What a validator fills in a PullTask (PROTOCOL 1.1), with the protocol's defaults."""

    task: TaskFields | None = None
    validation_threshold: float = 0.6
    throttle_period: Number = 0
    cooldown_until: Number = 0
    cooldown_violations: Number = 0


class FeedbackFields(msgspec.Struct, frozen=True):
    """What a validator says of a result; older validators have no duel rating."""

    validation_failed: bool = False
    task_fidelity_score: float = 0.0
    average_fidelity_score: float = 0.0
    generations_within_the_window: Number = 0
    current_duel_rating: float | None = None
    current_miner_reward: float = 0.0


# What each number of a feedback is cut to; the validator's word is not trusted.
FEEDBACK_RANGES: dict[str, tuple[float, float]] = {
    "task_fidelity_score": (0.0, 1.0),
    "average_fidelity_score": (0.0, 1.0),
    "current_duel_rating": (0.0, 10_000.0),
    "current_miner_reward": (0.0, MAX_REWARD),
}


class SubmissionFields(msgspec.Struct, frozen=True):
    """What a validator fills in a SubmitResults."""

    feedback: FeedbackFields | None = None
    cooldown_until: Number = 0


class RefusalFields(msgspec.Struct, frozen=True):
    """What an Axon says with a status other than 200."""

    message: str = ""


def decode(body: bytes | bytearray, fields: type[Fields]) -> Fields:
    """Return the fields that the JSON object holds.

    Raises:
        MalformedAnswerError: not JSON in UTF-8, nested too deeply, or a field of another type.
    """
    try:
        return msgspec.json.decode(body, type=fields)
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError) as error:
        raise MalformedAnswerError(str(error) or type(error).__name__) from None
