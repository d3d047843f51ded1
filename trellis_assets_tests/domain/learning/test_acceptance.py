"""The acceptance model finds what is hidden in made-up answers, and says how surely."""

import numpy as np
import pytest
from scipy.special import expit

from trellis_assets.domain.learning.acceptance import AcceptanceModel, Answers, fit_acceptance, logistic


def answers_of(n: int, slope: float, deviations: list[float], seed: int = 1, gap_s: float = 60.0) -> Answers:
    rng = np.random.default_rng(seed)
    validators = rng.integers(0, len(deviations), n)
    margins = rng.normal(0, 0.15, n)
    p = expit(slope * margins / 0.1 + np.array(deviations)[validators])
    return Answers(validators, margins[:, None], rng.random(n) < p, np.arange(n) * gap_s, len(deviations))


def fitted(answers: Answers, rounds: int = 4) -> AcceptanceModel:
    model = None
    for _ in range(rounds):
        model = fit_acceptance(answers, float(answers.times_s[-1]), model)
    assert model is not None
    return model


def test_the_worked_example_of_the_logistic_model() -> None:
    assert logistic(np.array([0.0, 2.0]), np.array([[0.05]]), 0.0)[0] == pytest.approx(0.731, abs=1e-3)


def test_without_answers_nothing_is_believed_of_the_score() -> None:
    none = Answers(np.zeros(0, int), np.zeros((0, 1)), np.zeros(0, bool), np.zeros(0), 3)
    model = fit_acceptance(none, 0.0)
    assert model.weights == pytest.approx([0, 0])
    low, high = model.interval(np.array([0.1]), 0)
    assert low < 0.05
    assert high > 0.9


def test_an_informative_score_is_found() -> None:
    model = fitted(answers_of(800, 3.0, [0.0] * 4))
    assert model.weights[1] == pytest.approx(3.0, abs=0.6)
    assert model.probability(np.array([[0.1]]), 0)[0] > 0.9


def test_a_score_that_says_nothing_gets_no_weight() -> None:
    model = fitted(answers_of(800, 0.0, [-0.5] * 4))
    assert abs(model.weights[1]) < 0.02
    # What it accepts on average is known all the same.
    assert model.probability(np.array([[0.1]]), 0)[0] == pytest.approx(expit(-0.5), abs=0.06)


def test_a_draw_is_never_worse_than_what_is_expected() -> None:
    model = fitted(answers_of(200, 2.0, [0.0, 0.5]))
    rng = np.random.default_rng(1)
    draws = [model.drawn(rng) for _ in range(200)]
    assert all((draw.deviations >= model.deviations).all() for draw in draws)
    assert {float(draw.deviations[0]) for draw in draws} != {float(model.deviations[0])}


def test_a_validator_with_two_answers_is_nearly_the_average_one() -> None:
    many = answers_of(400, 2.0, [0.0, 0.0], seed=3)
    few = Answers(
        np.append(many.validators, [2, 2]),
        np.vstack((many.features, [[0.1], [0.1]])),
        np.append(many.accepted, [False, False]),
        np.append(many.times_s, many.times_s[-1] + np.array([1.0, 2.0])),
        3,
    )
    model = fitted(few)
    # Its own share of 0 of 2 is not believed: still more likely than not.
    assert model.probability(np.array([[0.1]]), 2)[0] * model.alive[2] > 0.5
    assert model.deviation_sd[2] > model.deviation_sd[0]


def test_a_validator_that_changed_is_followed() -> None:
    before = answers_of(400, 3.0, [0.0] * 4, seed=4)
    after = answers_of(200, 3.0, [0.0, 0.0, -3.0, 0.0], seed=5)
    both = Answers(
        np.concatenate((before.validators, after.validators)),
        np.vstack((before.features, after.features)),
        np.concatenate((before.accepted, after.accepted)),
        np.concatenate((before.times_s, before.times_s[-1] + 60 + after.times_s)),
        4,
    )
    model = fitted(both)
    assert model.deviations[2] < min(model.deviations[[0, 1, 3]]) - 0.8


def test_a_validator_that_accepts_nothing_is_taken_for_dead_and_tried_again_later() -> None:
    answers = answers_of(600, 3.0, [0.0] * 6, seed=6)
    is_dead = answers.validators == 4
    dead = Answers(
        answers.validators, answers.features, answers.accepted & ~is_dead, answers.times_s, answers.count
    )
    model = fitted(dead)
    assert model.alive[4] < 0.05
    assert min(model.alive[[0, 1, 2, 3, 5]]) > 0.5
    days_later = fit_acceptance(dead, float(dead.times_s[-1]) + 5 * 86400, model)
    assert days_later.alive[4] > 0.5


def test_the_interval_holds_the_truth_in_about_19_of_20_cases() -> None:
    held = 0
    for seed in range(40):
        model = fitted(answers_of(300, 2.0, [0.0, 0.4, -0.4, 0.2], seed=100 + seed), rounds=2)
        low, high = model.interval(np.array([0.05]), 1)
        held += low <= float(expit(2.0 * 0.5 + 0.4)) <= high
    assert held >= 34


def test_one_rejection_hardly_speaks_against_a_validator_that_accepted_before() -> None:
    answers = answers_of(300, 3.0, [1.0] * 3, seed=8)
    last = Answers(
        np.append(answers.validators, [0, 0]),
        np.vstack((answers.features, [[0.3], [0.3]])),
        np.append(answers.accepted, [True, False]),
        np.append(answers.times_s, answers.times_s[-1] + np.array([1.0, 2.0])),
        3,
    )
    assert fitted(last).alive[0] > 0.98
