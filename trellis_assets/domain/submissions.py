"""What to answer a validator with, and what its answer means."""

from dataclasses import dataclass
from datetime import datetime

from trellis_assets.domain.feedback import Feedback
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.system.compat import StrEnum

# The licence that each submission signs, byte-exact (PROTOCOL 2): 199 ASCII characters.
LICENCE_DECLARATION = (
    "I, as a miner on SN17, have obtained all licenses, rights and consents required to use, "
    "reproduce, modify, display, distribute and make available my submitted results to this "
    "subnet and its end users"
)


def signed_message(*, submit_time_ns: int, prompt: str, validator_hotkey: str, miner_hotkey: str) -> str:
    """Return the exact text whose sr25519 signature a submission carries.

    Args:
        submit_time_ns: the value of the synapse's `submit_time` field.
        prompt: as received, untouched; for image tasks the whole base64 text.
        validator_hotkey: ss58 address.
        miner_hotkey: ss58 address.
    """
    return f"{LICENCE_DECLARATION}{submit_time_ns}{prompt}{validator_hotkey}{miner_hotkey}"


class SubmissionKind(StrEnum):
    """A model, or the empty result that hands the task back without penalty."""

    RESULT = "result"
    HAND_BACK = "hand_back"


class HandBackReason(StrEnum):
    """Why a task goes back empty: 300 s of cooldown on purpose instead of 900 s by rejection."""

    DUPLICATE = "duplicate"
    GENERATION_FAILED = "generation_failed"
    BELOW_MIN_SCORE = "below_min_score"
    BELOW_VALIDATOR_THRESHOLD = "below_validator_threshold"
    INVALID_MODEL = "invalid_model"
    NO_VERDICT = "no_verdict"
    NOT_WORTH_THE_RISK = "not_worth_the_risk"  # by the learnt policy
    UNSUPPORTED_TASK = "unsupported_task"


@dataclass(frozen=True, slots=True)
class Submission:
    """One call to a validator with a result or an empty one."""

    kind: SubmissionKind
    started_at: datetime
    attempt: int
    duration_s: float | None = None
    outcome: str | None = None
    message: str | None = None


def quality_gate(
    verdict: Verdict | None,
    *,
    min_score: float,
    validator_threshold: float,
    requires_verdict: bool = False,
) -> HandBackReason | None:
    """Why a validated model should be handed back rather than submitted, or None to submit.

    A model that was not validated (`--no-validate`) passes, unless a verdict is required: there is
    nothing to judge it by.

    Args:
        verdict: the local verdict, or None.
        min_score: our own floor (`--min-score`).
        validator_threshold: the least score this validator accepts.
        requires_verdict: whether a model without a verdict goes back (`TRELLIS_REQUIRE_VERDICT`).
    """
    if verdict is None:
        return HandBackReason.NO_VERDICT if requires_verdict else None
    if not verdict.is_valid:
        return HandBackReason.INVALID_MODEL
    if verdict.score < validator_threshold:
        return HandBackReason.BELOW_VALIDATOR_THRESHOLD
    if verdict.score < min_score:
        return HandBackReason.BELOW_MIN_SCORE
    return None


class SubmissionOutcome(StrEnum):
    """What became of a submission, as far as its answer tells."""

    ACCEPTED = "accepted"
    HANDED_BACK = "handed_back"
    REJECTED = "rejected"  # scored below the threshold, or signature refused
    SCORING_UNAVAILABLE = "scoring_unavailable"  # settled without penalty, no reward
    STILL_ASSIGNED = "still_assigned"  # answered without settling: lock, fast resubmit, other task
    NOT_ASSIGNED = "not_assigned"  # 403: the validator has no task for us (any more)
    REFUSED = "refused"  # 4xx: permanently refused for another reason
    NOT_SENT = "not_sent"  # provably never reached the validator
    ANSWER_LOST = "answer_lost"  # may have been accepted


def outcome_of_feedback(
    kind: SubmissionKind, feedback: Feedback | None, cooldown_until: datetime | None
) -> SubmissionOutcome:
    """Return what an answered submission (HTTP 200) means.

    An empty result is never scored, so that a hand-back ends as handed back, or its end is not known
    where the validator gave neither feedback nor a cooldown: whatever score or cooldown it names. A late
    answer names a cooldown that has passed meanwhile.

    A validator that finishes a task always sets a cooldown that lies ahead; one that only looked
    at it (lock, fast resubmit, other task id) leaves the old one, which has passed, since we
    were allowed to pull (PROTOCOL 4.4 steps 2, 6, 8).

    Args:
        kind: what was sent.
        feedback: the answer, None when the validator left it out.
        cooldown_until: the answer's cooldown where it lies ahead, else None.
    """
    if kind is SubmissionKind.HAND_BACK:
        return _outcome_of_hand_back(feedback, cooldown_until)
    if feedback is not None and feedback.validation_failed:
        return SubmissionOutcome.SCORING_UNAVAILABLE  # settled (4.4 step 7), however late we hear of it
    if feedback is not None and feedback.is_accepted:
        return SubmissionOutcome.ACCEPTED
    if cooldown_until is None:
        return SubmissionOutcome.STILL_ASSIGNED if feedback else SubmissionOutcome.ANSWER_LOST
    if feedback is None:
        return SubmissionOutcome.REFUSED  # no feedback and an hour of cooldown: not registered
    return SubmissionOutcome.REJECTED


def _outcome_of_hand_back(feedback: Feedback | None, cooldown_until: datetime | None) -> SubmissionOutcome:
    if feedback is not None:
        return SubmissionOutcome.HANDED_BACK
    # No feedback and an hour of cooldown: not registered.
    return SubmissionOutcome.ANSWER_LOST if cooldown_until is None else SubmissionOutcome.REFUSED
