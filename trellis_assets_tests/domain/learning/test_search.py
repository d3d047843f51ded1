"""The search: worked examples, and properties that any right answer has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis_assets.domain.learning.search import (
    Clock,
    Move,
    Option,
    Prices,
    candidate_cost,
    candidate_worth,
    next_move,
    reservation_value,
)

PRICES = Prices(gpu_s=0.002, clock_s=0.001)


def an_option(recipe: str, values: list[float], cost: float) -> Option:
    return Option(recipe, np.array(values), np.full(len(values), 1 / len(values)), cost)


def test_a_rejection_costs_the_penalty_at_the_clocks_price() -> None:
    assert candidate_worth(0.5, share=1.0, prices=PRICES, clock=Clock()) == pytest.approx(0.2)


def test_a_second_candidate_costs_its_gpu_time_and_the_seconds_beyond_the_free_ones() -> None:
    assert candidate_cost(18, 18, PRICES, Clock()) == pytest.approx(0.045)
    assert candidate_cost(18, 0, PRICES, Clock()) == pytest.approx(0.036)


def test_the_reservation_value_of_the_worked_example() -> None:
    assert reservation_value(np.array([0.0, 0.0, 1.0]), np.full(3, 1 / 3), 0.1) == pytest.approx(0.7)


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=20),
    st.floats(0, 2),
)
def test_the_reservation_value_solves_its_equation(values: list[float], cost: float) -> None:
    weights = np.full(len(values), 1 / len(values))
    z = reservation_value(np.array(values), weights, cost)
    assert np.maximum(np.array(values) - z, 0) @ weights == pytest.approx(cost, abs=1e-9)


def test_the_recipe_with_the_highest_reservation_value_is_tried_first() -> None:
    # The mean is the same; the one with the wider spread is worth more, since the rest is not taken.
    decision = next_move(None, [an_option("even", [0.5, 0.5], 0.1), an_option("wild", [0.0, 1.0], 0.1)])
    assert (decision.move, decision.recipe) == (Move.GENERATE, "wild")
    assert decision.reservations == pytest.approx({"even": 0.4, "wild": 0.8})


def test_the_search_stops_once_the_best_in_hand_is_worth_the_highest_reservation_value() -> None:
    options = [an_option("wild", [0.0, 1.0], 0.1)]
    assert next_move(0.79, options).move is Move.GENERATE
    assert next_move(0.8, options).move is Move.SUBMIT


def test_a_candidate_that_is_worth_less_than_nothing_is_handed_back() -> None:
    assert next_move(-0.1, []).move is Move.HAND_BACK
    assert next_move(None, [an_option("hopeless", [0.0, 0.1], 0.2)]).move is Move.HAND_BACK


def test_the_order_by_reservation_value_is_optimal_by_brute_force() -> None:
    """Of two boxes with recall, no order and no stopping rule earns more than Weitzman's."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        values = rng.random((2, 3))
        costs = rng.random(2) * 0.3
        found = _weitzman(values, costs)
        assert found == pytest.approx(max(0.0, *(_best_from(values, costs, first) for first in (0, 1))))


def _best_from(values: np.ndarray, costs: np.ndarray, first: int) -> float:
    """Opening `first`, and then whatever is best: dynamic programming."""
    other = 1 - first
    total = 0.0
    for value in values[first]:
        go_on = np.maximum(values[other], value).mean() - costs[other]
        total += max(value, go_on) / 3
    return total - costs[first]


def _weitzman(values: np.ndarray, costs: np.ndarray) -> float:
    z = [reservation_value(values[i], np.full(3, 1 / 3), costs[i]) for i in (0, 1)]
    first = int(np.argmax(z))
    if z[first] <= 0:
        return 0.0
    other, total = 1 - first, -costs[first]
    for value in values[first]:
        if z[other] > value:
            total += (np.maximum(values[other], value).mean() - costs[other]) / 3
        else:
            total += value / 3
    return float(total)
