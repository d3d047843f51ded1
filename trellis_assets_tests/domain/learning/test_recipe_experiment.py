"""Two recipes compared: paired by prompt where that is fair, by task else, and an honest "not yet"."""

import pytest

from trellis_assets.domain.learning.recipe_experiment import BY_TASK, PAIRED, compare, comparisons
from trellis_assets.domain.learning.recorded import RecordedCandidate

A, B = "usual@aaaaaaaaaaaa", "strict@bbbbbbbbbbbb"


def made(label: str, task: int, score: float | None, **changes: object) -> RecordedCandidate:
    name, _, version = label.partition("@")
    fields: dict[str, object] = {
        "task_key": task,
        "kind": "text",
        "recipe": name,
        "version": version,
        "score": score,
        "is_valid": True,
        "made_s": 2.0,
        "is_idle": True,
    }
    return RecordedCandidate(**(fields | changes))  # type: ignore[arg-type]


def test_recipes_are_paired_by_prompt_and_the_better_one_is_named() -> None:
    pairs = [(0.5, 0.6), (0.6, 0.8), (0.4, 0.5), (0.7, 0.9), (0.5, 0.65)]
    rows = [made(A, task, first) for task, (first, _) in enumerate(pairs)]
    rows += [made(B, task, second) for task, (_, second) in enumerate(pairs)]
    found = compare(rows, A, B)
    assert found.method == PAIRED
    assert found.estimate.difference == pytest.approx(0.15)
    assert (found.estimate.low, found.estimate.high) == (
        pytest.approx(0.088, abs=1e-3),
        pytest.approx(0.212, abs=1e-3),
    )
    assert f"{B} is better" in found.told


def test_a_candidate_that_was_made_because_the_first_was_poor_makes_no_pair() -> None:
    rows = [made(A, task, 0.3, is_idle=False) for task in range(20)]
    rows += [made(B, task, 0.6, is_idle=False, number=1) for task in range(20)]
    assert compare(rows, A, B).estimate.tasks == 0
    rows += [made(B, task, 0.31, is_idle=True) for task in range(20)]
    assert compare(rows, A, B).estimate.difference == pytest.approx(0.01)


def test_a_model_that_failed_a_check_scores_nothing_and_an_unjudged_one_makes_no_pair() -> None:
    rows = [made(A, task, 0.5 + task / 100) for task in range(6)]
    rows += [made(B, task, None, is_valid=False) for task in range(5)] + [made(B, 5, None)]
    found = compare(rows, A, B).estimate
    assert found.tasks == 5
    assert found.difference == pytest.approx(-0.52)


def test_with_few_pairs_tasks_are_compared_and_few_of_them_tell_nothing() -> None:
    rows = [made(A, task, 0.6, is_idle=False, is_accepted=task % 2 == 0) for task in range(40)]
    rows += [made(B, 100 + task, 0.6, is_idle=False, is_accepted=False) for task in range(2)]
    found = compare(rows, A, B)
    assert found.method == BY_TASK
    assert found.estimate.tasks == 42
    assert "no difference can be seen yet" in found.told
    assert found.estimate.still_needed > 0


def test_without_anything_to_compare_the_pairs_still_needed_are_named() -> None:
    found = compare([made(A, 1, 0.5)], A, B)
    assert (found.method, found.estimate.tasks, found.estimate.still_needed) == (PAIRED, 0, 5)
    assert "no difference can be seen yet" in found.told
    assert "0 of 5 pairs" in found.told
    assert "inf" not in found.told
    assert comparisons([]) == []


def test_what_was_not_made_by_its_recipe_is_compared_with_nothing() -> None:
    rows = [made(A, 1, 0.5), made("strict-not-followed@cccccccccccc", 1, 0.5), made(B, 1, 0.5)]
    assert [(found.first, found.second) for found in comparisons(rows)] == [(A, B)]
