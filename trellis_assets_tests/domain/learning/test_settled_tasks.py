"""Recorded tasks become evidence, and a task is explained by what came before it."""

from dataclasses import replace

import numpy as np
import pytest

from trellis_assets.domain.learning.evidence import learn
from trellis_assets.domain.learning.search import Move
from trellis_assets.domain.learning.settled_tasks import SettledTask, explain, record_of
from trellis_assets.domain.learning.wanted_policy import PolicyName


def a_settled(key: int, **changes: object) -> SettledTask:
    task = SettledTask(
        key=key,
        validator="one",
        stake=1000.0,
        kind="text",
        threshold=0.6,
        throttle_s=30.0,
        at_s=key * 60.0,
        score=0.7,
        is_valid=True,
        made_s=18.0,
        submission_s=3.0,
        accepted=True,
    )
    return replace(task, **changes)


def mined(n: int, seed: int = 1) -> list[SettledTask]:
    """Local scores that tell: accepted where the score and a small error are above 0.6."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.6, 0.15, n)
    accepted = scores + rng.normal(0, 0.04, n) > 0.6
    return [
        a_settled(key, score=float(scores[key]), accepted=bool(accepted[key]), validator=f"v{key % 3}")
        for key in range(n)
    ]


def explained(task: SettledTask, before: list[SettledTask], gpus: int = 1):  # noqa: ANN201 - a short cut
    record = record_of(before, more=[task], gpus=gpus, now_s=task.at_s)
    return explain(task, record, learn(record.evidence, learn(record.evidence)))


def test_only_judged_results_that_were_answered_are_answers() -> None:
    tasks = [
        a_settled(1),
        a_settled(2, accepted=None),
        a_settled(3, score=None),
        a_settled(4, is_valid=False, accepted=False),
    ]
    record = record_of(tasks, more=[], gpus=1, now_s=500.0)
    assert len(record.evidence.answers) == 1
    assert len(record.evidence.scores.scores) == 3
    assert record.evidence.clock.scoring_s == 3.0


def test_a_good_model_would_be_submitted_and_a_poor_one_not() -> None:
    before = mined(400)
    good = explained(a_settled(1000, score=0.85, validator="v1"), before)
    poor = explained(a_settled(1000, score=0.35, validator="v1"), before)
    assert good.acceptance is not None
    assert poor.acceptance is not None
    assert good.acceptance[0] > 0.9
    assert poor.acceptance[0] < 0.1
    assert good.acceptance[1] <= good.acceptance[0] <= good.acceptance[2]
    assert good.advised.move is Move.SUBMIT
    assert poor.advised.move is Move.GENERATE
    assert good.in_force.policy is PolicyName.LEARNED


def test_a_model_that_failed_a_check_is_never_advised() -> None:
    found = explained(a_settled(1000, score=0.9, is_valid=False, validator="v1"), mined(400))
    assert found.acceptance is None
    assert found.advised.move is not Move.SUBMIT


def test_the_first_task_of_all_is_explained_by_priors_and_says_so() -> None:
    found = explained(a_settled(1), [])
    assert (found.tasks, found.answers) == (0, 0)
    assert found.in_force.policy is PolicyName.SINGLE
    assert found.acceptance is not None
    assert found.acceptance[2] - found.acceptance[1] > 0.6


@pytest.mark.parametrize("stake", [0.0, float(10**9)])
def test_any_stake_is_explained(stake: float) -> None:
    found = explained(a_settled(1000, stake=stake, validator="new"), mined(100))
    assert np.isfinite(found.clock_price)
