"""Replaying recorded tasks: right where a plain average is wrong, and unsure where little was seen."""

import numpy as np
import pytest

from trellis_assets.domain.learning.replay import Recorded, replay


def recorded(n: int, seed: int, *, model_error: float = 0.0) -> list[Recorded]:
    """Tasks that were submitted when they were easy; the other policy submits all of them.

    An easy one brings 0.8, a hard one 0.2; half are easy. The other policy's true reward is 0.5.
    """
    rng = np.random.default_rng(seed)
    tasks = []
    for _ in range(n):
        worth = 0.8 if rng.random() < 0.5 else 0.2
        probability = 0.9 if worth > 0.5 else 0.2
        submitted = rng.random() < probability
        reward = float(rng.random() < worth) if submitted else 0.0
        predicted = worth + model_error
        tasks.append(
            Recorded(
                same=bool(submitted),
                probability=probability if submitted else 1 - probability,
                reward=reward,
                predicted_done=predicted if submitted else 0.0,
                predicted_other=predicted,
            )
        )
    return tasks


def test_the_estimate_is_right_where_the_average_of_what_was_done_is_not() -> None:
    tasks = recorded(4000, 1)
    naive = np.mean([task.reward for task in tasks if task.same])
    assert naive > 0.6
    found = replay(tasks)
    assert found.low <= 0.5 <= found.high
    assert found.value == pytest.approx(0.5, abs=0.03)


def test_a_wrong_model_is_put_right_by_what_was_seen() -> None:
    assert replay(recorded(4000, 2, model_error=0.3)).value == pytest.approx(0.5, abs=0.06)


def test_the_interval_holds_the_truth_in_about_19_of_20_cases() -> None:
    held = sum(found.low <= 0.5 <= found.high for found in (replay(recorded(300, 50 + s)) for s in range(60)))
    assert held >= 52


def test_what_was_never_done_is_only_the_models_opinion() -> None:
    found = replay([Recorded(False, 0.5, 0.0, 0.0, 0.7)] * 10)
    assert found.value == pytest.approx(0.7)
    assert found.effective == 0


def test_no_tasks_and_impossible_probabilities_are_refused() -> None:
    with pytest.raises(ValueError, match="no recorded tasks"):
        replay([])
    with pytest.raises(ValueError, match="probability"):
        replay([Recorded(True, 0.0, 1.0, 0.5, 0.5)])
