"""Prices: an idle GPU is free, a full one has a price, and a clock is worth what it earns net of the GPU."""

import numpy as np
import pytest
from scipy.special import ndtr

from trellis_assets.domain.learning.prices import FULL, Fluid
from trellis_assets.domain.learning.score_distribution import ScoreModel
from trellis_assets.domain.learning.search import Clock

SCORES = ScoreModel(np.array([0.57]), np.zeros(1), np.array([0.1]), 0.15, 0.10, np.zeros(1, int))


def a_fluid(validators: int, generation_s: float, most: int = 4) -> Fluid:
    def accepts(scores: np.ndarray) -> np.ndarray:
        return np.asarray(ndtr((scores - 0.6) / 0.05))

    ones = np.ones(validators)
    return Fluid(accepts, SCORES, 0, generation_s, ones, Clock(), most, ones)


def test_an_idle_gpu_costs_nothing_and_makes_several_candidates() -> None:
    market = a_fluid(2, 18).solve()
    assert market.gpu == 0
    assert market.load.gpu_s[0] > 1.5 * 18
    assert market.load.accepted[0] > 0.7


def test_a_full_gpu_has_a_price_and_rejections_cost_next_to_nothing() -> None:
    fluid = a_fluid(64, 25)
    market = fluid.solve()
    assert market.gpu > 0
    assert fluid.demand(market.load) >= FULL * 0.99
    # One valid candidate each, and a rejection costs next to nothing.
    assert market.load.gpu_s[0] == pytest.approx(25 / 0.9, rel=0.1)
    assert 600 * market.clock[0] < 0.02


@pytest.mark.parametrize("validators", [2, 12, 64])
def test_a_clocks_price_is_what_it_earns_net_of_the_gpu(validators: int) -> None:
    market = a_fluid(validators, 18).solve()
    load = market.load
    earned = (load.accepted - market.gpu * load.gpu_s) / load.clock_s
    assert market.clock == pytest.approx(np.maximum(0, earned), rel=0.03, abs=2e-6)


def test_prices_follow_when_the_fluid_changes_a_little() -> None:
    first = a_fluid(32, 18).solve()
    again = a_fluid(32, 18).solve(first)
    assert again.gpu == pytest.approx(first.gpu, rel=0.1)
