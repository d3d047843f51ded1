"""The distribution of local scores: what is hidden in made-up candidates is found."""

import numpy as np
import pytest

from trellis_assets.domain.learning.score_distribution import ScoreModel, Scores, fit_scores


def scores_of(prompts: int, each: int, means: list[float], seed: int = 1) -> Scores:
    """Candidates of cells in turn, with 0.15 among them, 0.10 among prompts and one of ten invalid."""
    rng = np.random.default_rng(seed)
    prompt = np.repeat(np.arange(prompts), each)
    cells = np.arange(prompts * each) % len(means)
    effect = rng.normal(0, 0.10, prompts)[prompt]
    values = np.array(means)[cells] + effect + rng.normal(0, 0.15, prompts * each)
    return Scores(cells, prompt, values, rng.random(prompts * each) > 0.1, len(means))


def test_means_spreads_and_the_invalid_share_are_found() -> None:
    model = fit_scores(scores_of(400, 3, [0.57, 0.62]), np.array([0, 1]))
    assert model.means == pytest.approx([0.57, 0.62], abs=0.03)
    assert model.within_sd == pytest.approx(0.15, abs=0.015)
    assert model.between_sd == pytest.approx(0.10, abs=0.03)
    assert model.invalid == pytest.approx([0.1, 0.1], abs=0.04)


def test_second_candidates_of_poor_prompts_do_not_bias_the_spread() -> None:
    all_ = scores_of(800, 2, [0.57], seed=2)
    first = all_.scores.reshape(-1, 2)[:, 0]
    stops = np.repeat(first > 0.6, 2)
    stops[0::2] = False
    kept = Scores(all_.cells[~stops], all_.prompts[~stops], all_.scores[~stops], all_.valid[~stops], 1)
    model = fit_scores(kept, np.array([0]))
    assert model.means[0] == pytest.approx(0.57, abs=0.03)
    assert model.within_sd == pytest.approx(0.15, abs=0.02)


def test_the_worked_example_of_the_prediction() -> None:
    model = ScoreModel(np.array([0.57]), np.zeros(1), np.zeros(1), 0.15, 0.10, np.zeros(1, int))
    mean, sd = model.predicted(0, [(0, 0.30)])
    assert mean == pytest.approx(0.487, abs=1e-3)
    assert sd == pytest.approx(np.hypot(0.15, 0.0832), abs=1e-3)


def test_a_kind_of_prompt_with_few_candidates_is_near_its_recipe() -> None:
    many = scores_of(400, 1, [0.7], seed=3)
    cells = many.cells.copy()
    cells[:2] = 1
    values = many.scores.copy()
    values[:2] = 0.2
    model = fit_scores(Scores(cells, many.prompts, values, np.ones(400, bool), 2), np.array([0, 0]))
    assert model.means[0] == pytest.approx(0.7, abs=0.03)
    assert 0.35 < model.means[1] < 0.65


def test_scores_far_from_the_prior_are_found_at_once() -> None:
    rng = np.random.default_rng(0)
    prompts = np.repeat(np.arange(34), 3)
    values = 0.86 + 0.04 * rng.standard_normal(34)[prompts] + 0.02 * rng.standard_normal(len(prompts))
    cells = np.zeros(len(prompts), dtype=np.int64)
    found = fit_scores(
        Scores(cells, prompts, values, np.ones(len(prompts), dtype=np.bool_), 1), np.zeros(1, dtype=np.int64)
    )
    assert found.means[0] == pytest.approx(values.mean(), abs=0.02)
