"""The signed text, the quality gate and what a validator's answer means."""

import hashlib
from datetime import datetime, timedelta

import pytest

from trellis_assets.domain.submissions import (
    LICENCE_DECLARATION,
    HandBackReason,
    SubmissionKind,
    SubmissionOutcome,
    outcome_of_feedback,
    quality_gate,
    signed_message,
)
from trellis_assets.testing.fakes import NOW, a_feedback, a_verdict

AHEAD = NOW + timedelta(seconds=870)


def test_the_licence_is_byte_exact() -> None:
    digest = hashlib.sha256(LICENCE_DECLARATION.encode()).hexdigest()
    assert digest == "4ce1b0e563e233282c91114687a4e08765cfc2b4e00ad94a13607352cd09ecc9"


def test_the_signed_text_is_joined_without_separators_in_protocol_order() -> None:
    text = signed_message(submit_time_ns=17, prompt="a vase", validator_hotkey="V", miner_hotkey="M")
    assert text == LICENCE_DECLARATION + "17a vaseVM"


@pytest.mark.parametrize(
    ("score", "min_score", "threshold", "expected"),
    [
        (0.61, 0.0, 0.6, None),
        (0.6, 0.0, 0.6, None),
        (0.59, 0.0, 0.6, HandBackReason.BELOW_VALIDATOR_THRESHOLD),
        (0.65, 0.7, 0.6, HandBackReason.BELOW_MIN_SCORE),
        (0.65, 0.65, 0.6, None),
    ],
)
def test_a_model_under_a_floor_is_handed_back(
    score: float, min_score: float, threshold: float, expected: HandBackReason | None
) -> None:
    gate = quality_gate(a_verdict(score), min_score=min_score, validator_threshold=threshold)
    assert gate == expected


def test_a_model_that_fails_a_data_check_is_handed_back_whatever_its_score() -> None:
    verdict = a_verdict(0.9, failed_checks=("too few splats",))
    assert quality_gate(verdict, min_score=0, validator_threshold=0) is HandBackReason.INVALID_MODEL


def test_a_model_nobody_judged_is_submitted() -> None:
    assert quality_gate(None, min_score=0.9, validator_threshold=0.6) is None


RESULT, HAND_BACK = SubmissionKind.RESULT, SubmissionKind.HAND_BACK


def test_a_positive_score_is_acceptance() -> None:
    assert outcome_of_feedback(RESULT, a_feedback(0.7), AHEAD) is SubmissionOutcome.ACCEPTED


def test_a_zero_score_with_a_cooldown_ahead_is_a_rejection() -> None:
    assert outcome_of_feedback(RESULT, a_feedback(0.0), AHEAD) is SubmissionOutcome.REJECTED


def test_a_zero_score_without_a_cooldown_leaves_the_task_assigned() -> None:
    assert outcome_of_feedback(RESULT, a_feedback(0.0), None) is SubmissionOutcome.STILL_ASSIGNED


def test_an_empty_result_with_a_cooldown_is_a_hand_back() -> None:
    assert outcome_of_feedback(HAND_BACK, a_feedback(0.0), AHEAD) is SubmissionOutcome.HANDED_BACK


def test_a_late_answer_to_a_hand_back_is_a_hand_back() -> None:
    assert outcome_of_feedback(HAND_BACK, a_feedback(0.0), None) is SubmissionOutcome.HANDED_BACK


@pytest.mark.parametrize("cooldown", [AHEAD, None])
@pytest.mark.parametrize("failed", [True, False])
def test_a_hand_back_that_a_validator_calls_accepted_is_a_hand_back(
    cooldown: datetime | None, *, failed: bool
) -> None:
    feedback = a_feedback(0.9, validation_failed=failed)
    assert outcome_of_feedback(HAND_BACK, feedback, cooldown) is SubmissionOutcome.HANDED_BACK


def test_a_late_word_of_a_broken_scoring_service_settles_the_task() -> None:
    feedback = a_feedback(0.0, validation_failed=True)
    assert outcome_of_feedback(RESULT, feedback, None) is SubmissionOutcome.SCORING_UNAVAILABLE


def test_a_broken_scoring_service_is_not_our_rejection() -> None:
    feedback = a_feedback(0.0, validation_failed=True)
    assert outcome_of_feedback(RESULT, feedback, AHEAD) is SubmissionOutcome.SCORING_UNAVAILABLE


def test_an_answer_without_feedback_and_an_hour_of_cooldown_is_a_refusal() -> None:
    assert outcome_of_feedback(RESULT, None, AHEAD) is SubmissionOutcome.REFUSED


def test_an_empty_answer_leaves_the_outcome_open() -> None:
    assert outcome_of_feedback(RESULT, None, None) is SubmissionOutcome.ANSWER_LOST
