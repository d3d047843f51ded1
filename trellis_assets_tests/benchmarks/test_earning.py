"""The simulator of what policies earn: the same worlds for all, and the validators' clock."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from earning.contenders import Fixed, Learner, Oracle
from earning.measure import gpu_share, leading_share, median_interval, rate_after
from earning.simulation import BEGIN_S, Day, TaskUnderWay, simulate
from earning.world import HOUR_S, REGIMES, Truth, World

from trellis_assets.domain.learning.search import Move

A = replace(REGIMES["A"], length_s=4 * HOUR_S)


def one(regime=A):  # noqa: ANN001, ANN201 - a short cut
    return Fixed(regime, 1, is_gated=False)


def test_two_runs_of_a_seed_are_the_same_and_of_two_seeds_are_not() -> None:
    days = [simulate(World(A, seed), one()) for seed in (1, 1, 2)]
    assert np.array_equal(days[0].times_s, days[1].times_s)
    assert not np.array_equal(days[0].accepted[:50], days[2].accepted[:50])


def test_every_policy_sees_the_same_prompts() -> None:
    first, second = World(A, 1).task(3, 7), World(A, 1).task(3, 7)
    assert np.array_equal(first.quality, second.quality)
    assert first.error == second.error


class Watching(Fixed):
    """Remembers assignments, and how each ended."""

    def __init__(self) -> None:
        super().__init__(A, 1, is_gated=True)
        self.rows: list[tuple[int, float, float, bool, bool]] = []

    def settled(self, task: TaskUnderWay, submitted: int | None, outcome, now_s: float) -> None:  # noqa: ANN001
        accepted = outcome == "accepted"
        self.rows.append((task.validator, task.assigned_at, now_s, submitted is not None, accepted))


def test_a_validator_is_pulled_again_after_its_cooldown_and_no_sooner() -> None:
    watching = Watching()
    simulate(World(A, 1), watching)
    for validator in range(8):
        own = sorted(row[1:] for row in watching.rows if row[0] == validator)
        for (assigned, settled, submitted, accepted), (again, *_) in pairwise(own):
            cooldown = 900 if submitted and not accepted else 300
            elapsed = settled - assigned
            # Whole seconds, as the validators count.
            assert again >= assigned + cooldown + max(0, elapsed - 30) - 1


def test_a_gpu_works_on_one_candidate_at_a_time() -> None:
    day = simulate(World(A, 1), Fixed(A, 3, is_gated=True))
    assert day.gpu_s.sum() <= day.end_s - BEGIN_S + 3 * 18


def test_a_threshold_that_is_raised_counts_from_that_time_on() -> None:
    world = World(replace(A, raised=0.08, raised_at_s=100.0), 1)
    raised = [world.threshold(v, 100.0) - world.threshold(v, 99.0) for v in range(8)]
    assert sorted(raised) == pytest.approx([0.0] * 4 + [0.08] * 4)


def test_a_better_recipe_is_better_for_the_validator_and_the_local_score() -> None:
    recipes = {"usual": Truth(), "better": Truth(better=0.05)}
    world = World(replace(A, recipes=recipes, collapsed=0.0), 1)
    task = world.task(0, 0)
    usual, better = world.candidate(task, 0, "usual"), world.candidate(task, 0, "better")
    assert np.array(better[:2]) - np.array(usual[:2]) == pytest.approx([0.05, 0.05])


def test_the_oracle_earns_more_than_any_fixed_policy_where_the_gpu_idles() -> None:
    regime = replace(A, length_s=8 * HOUR_S)
    fixed = [rate_after(simulate(World(regime, 1), Fixed(regime, n, is_gated=True)), 100) for n in (1, 2, 3)]
    assert rate_after(simulate(World(regime, 1), Oracle(World(regime, 1))), 100) > max(fixed)


def test_the_learner_beats_todays_gate_where_the_gpu_idles() -> None:
    regime = replace(A, length_s=10 * HOUR_S)
    gate = rate_after(simulate(World(regime, 2), Fixed(regime, 1, is_gated=True)), 200)
    learned = rate_after(simulate(World(regime, 2), Learner(World(regime, 2))), 200)
    assert learned > 1.15 * gate


class Refusing:
    """Hands everything back."""

    def first(self, ready: Sequence[int]) -> int:
        return ready[0]

    def move(self, task: TaskUnderWay, now_s: float) -> tuple[Move, str | int | None]:
        return Move.HAND_BACK, None

    def settled(self, *given: object) -> None:
        pass


def test_who_hands_everything_back_earns_nothing_and_uses_no_gpu() -> None:
    day = simulate(World(A, 1), Refusing())
    assert not day.accepted.any()
    assert day.gpu_s.sum() == 0


def a_day(accepted: Sequence[bool], recipes: Sequence[str] = ()) -> Day:
    n = len(accepted)
    return Day(
        np.arange(n) * 3600.0,
        np.array(accepted),
        np.arange(n) % 2,
        np.full(n, 18.0),
        tuple(recipes),
        n * 3600.0,
    )


def test_figures_of_a_day_are_those_computed_by_hand() -> None:
    day = a_day([True, False, True, True], ["a", "b", "b", ""])
    assert rate_after(day, 1) == pytest.approx(2 / 3)
    assert gpu_share(day, 0, 0) == pytest.approx(0.5)
    assert leading_share(day, "b", 0) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="4 tasks"):
        rate_after(day, 4)


def test_a_median_has_an_interval_that_holds_it() -> None:
    median, low, high = median_interval([1.0, 2.0, 3.0, 4.0, 100.0])
    assert low <= median == 3.0 <= high


def test_a_candidate_that_collapsed_fails_a_data_check_where_the_score_informs() -> None:
    world = World(replace(A, collapsed=1.0), 1)
    quality, local, is_valid = world.candidate(world.task(0, 0), 0, "usual")
    assert quality < 0.1
    assert local < 0.4
    assert not is_valid
