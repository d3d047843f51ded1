"""What counts as a duplicate decides whether GPU time or a cooldown is spent."""

from datetime import timedelta

import pytest

from trellis_assets.domain.duplicates import Duplicate, Fresh, Reusable, judge_prompt
from trellis_assets.domain.tasks import TaskState
from trellis_assets.testing.fakes import NOW, a_feedback, a_generation, a_task


def test_a_prompt_never_seen_is_fresh() -> None:
    assert judge_prompt([], reuse=False) == Fresh()


@pytest.mark.parametrize("state", [TaskState.FAILED, TaskState.REJECTED, TaskState.HANDED_BACK])
def test_a_prompt_whose_earlier_attempt_came_to_nothing_is_fresh(state: TaskState) -> None:
    assert judge_prompt([a_task(1, state=state)], reuse=False) == Fresh()


@pytest.mark.parametrize("state", [TaskState.ACCEPTED, TaskState.GENERATING, TaskState.ANSWER_UNKNOWN])
def test_a_prompt_answered_or_in_work_is_a_duplicate(state: TaskState) -> None:
    earlier = a_task(1, state=state)
    assert judge_prompt([earlier], reuse=False) == Duplicate(earlier)


def test_the_newest_earlier_task_is_named() -> None:
    old = a_task(1, state=TaskState.ACCEPTED)
    new = a_task(2, state=TaskState.ACCEPTED, pulled_at=NOW + timedelta(hours=1))
    assert judge_prompt([old, new], reuse=False) == Duplicate(new)


def test_reuse_takes_the_result_the_validator_scored_best() -> None:
    good = a_task(1, state=TaskState.ACCEPTED, generation=a_generation(), feedback=a_feedback(0.9))
    newer = a_task(2, state=TaskState.ACCEPTED, generation=a_generation(), feedback=a_feedback(0.7))
    assert judge_prompt([newer, good], reuse=True) == Reusable(good)


def test_reuse_generates_anew_when_the_earlier_task_has_no_model_yet() -> None:
    assert judge_prompt([a_task(1, state=TaskState.GENERATING)], reuse=True) == Fresh()
