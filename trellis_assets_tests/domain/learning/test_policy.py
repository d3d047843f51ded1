"""The policies: today's rules as special cases, fallbacks with a word, and the control share."""

import pytest

from trellis_assets.domain.learning.policy import (
    Candidate,
    best_candidate,
    fixed_move,
    generator_of,
    is_control,
    policy_in_force,
)
from trellis_assets.domain.learning.search import Move
from trellis_assets.domain.learning.wanted_policy import PolicyName
from trellis_assets.domain.submissions import quality_gate
from trellis_assets.testing.fakes import a_verdict


def candidates(*scores: float | None) -> list[Candidate]:
    return [Candidate("usual", score) for score in scores]


def moved(given: list[Candidate], wanted: int = 1) -> Move:
    return fixed_move(given, wanted=wanted, threshold=0.6, recipe="usual").move


@pytest.mark.parametrize("score", [0.0, 0.59, 0.6, 0.9])
def test_single_does_what_the_quality_gate_does(score: float) -> None:
    gate = quality_gate(a_verdict(score), min_score=0.0, validator_threshold=0.6)
    assert moved(candidates(score)) is (Move.SUBMIT if gate is None else Move.HAND_BACK)


def test_a_model_that_nobody_judged_is_submitted_by_single() -> None:
    assert moved(candidates(None)) is Move.SUBMIT


def test_best_of_three_makes_three_and_submits_the_best() -> None:
    assert moved(candidates(0.9, 0.9), wanted=3) is Move.GENERATE
    assert moved(candidates(0.5, 0.7, 0.6), wanted=3) is Move.SUBMIT
    assert best_candidate(candidates(0.5, 0.7, 0.6)) == 1


def test_an_invalid_candidate_is_replaced_once_and_never_submitted() -> None:
    invalid = Candidate("usual", 0.9, is_valid=False)
    assert moved([invalid]) is Move.GENERATE
    assert moved([invalid, invalid]) is Move.HAND_BACK
    assert best_candidate([invalid]) is None


@pytest.mark.parametrize(
    ("judges", "accepted", "rejected", "policy", "word"),
    [
        (True, 100, 50, PolicyName.LEARNED, ""),
        (True, 30, 0, PolicyName.LEARNED, ""),
        (False, 100, 50, PolicyName.SINGLE, "local validator"),
        (True, 10, 5, PolicyName.SINGLE, "15 of 30"),
        (True, 1, 40, PolicyName.SINGLE, "3 of each"),
    ],
)
def test_learned_falls_back_with_a_word_when_it_lacks_something(
    judges: bool, accepted: int, rejected: int, policy: PolicyName, word: str
) -> None:
    found = policy_in_force(PolicyName.LEARNED, judges=judges, accepted=accepted, rejected=rejected)
    assert found.policy is policy
    assert word in found.why
    assert bool(found.why) is (policy is not PolicyName.LEARNED)


def test_the_control_group_is_one_task_in_twenty_and_always_the_same() -> None:
    group = [key for key in range(20_000) if is_control(key, 0.05)]
    assert len(group) == pytest.approx(1000, rel=0.05)
    assert group == [key for key in range(20_000) if is_control(key, 0.05)]
    assert not any(is_control(key, 0.0) for key in range(1000))


def test_a_tasks_random_numbers_are_the_same_when_it_is_explained() -> None:
    assert generator_of(7).random() == generator_of(7).random() != generator_of(8).random()
