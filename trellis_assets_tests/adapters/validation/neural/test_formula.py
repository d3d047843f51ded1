"""The subnet's formula on numbers."""

import numpy as np
import pytest

from trellis_assets.adapters.validation.neural.formula import (
    NeuralParts,
    alignment_of_picture,
    alignment_of_text,
    combined,
    lpips_of,
    ssim_of,
    without_outliers,
)

# Sixteen pairs, the last view with the first: they coincide.
DISTANCES = np.array([0.1 + 0.001 * i for i in range(15)] + [0.0])


def test_the_weights_of_the_parts_add_up_to_the_score() -> None:
    perfect = combined(NeuralParts(iqa=1, alignment=1, ssim=1, lpips=1))
    assert perfect == pytest.approx(0.75 + 0.2 + 0.025 / (1 + np.exp(-35 * 0.17)) + 0.025 / (1 + np.exp(-9)))
    middling = combined(NeuralParts(iqa=0.5, alignment=0.8, ssim=0.83, lpips=0.7))
    assert middling == pytest.approx(0.375 + 0.16 + 0.0125 + 0.025 * 0.7 / 2)


def test_alignment_below_the_floor_scores_nothing_whatever_the_rest() -> None:
    assert combined(NeuralParts(1, 0.2999, 1, 1)) == 0
    assert combined(NeuralParts(1, 0.3, 1, 1)) > 0.8


def test_the_pair_of_coinciding_views_is_an_outlier() -> None:
    assert 0.0 not in without_outliers(DISTANCES)
    assert len(without_outliers(DISTANCES)) >= 14
    # With it the geometric mean would be 0, and the part 1.
    assert lpips_of(DISTANCES) == pytest.approx(1 - np.exp(np.log(DISTANCES[:-1]).mean()), abs=0.002)


def test_equal_values_have_no_outliers() -> None:
    assert len(without_outliers(np.full(16, 0.9))) == 16
    assert len(without_outliers(np.array([1.0, 5.0]))) == 2


def test_text_alignment_is_the_mean_cosine_over_its_scale() -> None:
    assert alignment_of_text(np.full(16, 0.35)) == pytest.approx(1)
    assert alignment_of_picture(np.full(16, 0.35)) == pytest.approx(0.35)


def test_a_view_that_contradicts_the_prompt_leaves_no_alignment_unless_it_is_alone() -> None:
    cosines = np.linspace(0.28, 0.3, 16)
    cosines[3] = -0.2
    assert alignment_of_text(cosines) > 0.8
    cosines[3:9] = -0.2
    assert alignment_of_text(cosines) == 0


def test_similarity_of_equal_views_is_one() -> None:
    assert ssim_of(np.ones(16)) == pytest.approx(1)


def test_a_negative_value_leaves_no_number_but_for_the_cosines_of_words() -> None:
    values = np.linspace(-0.1, 0.9, 16)
    assert np.isnan(ssim_of(values))
    assert np.isnan(lpips_of(values))
    assert np.isnan(alignment_of_picture(values))
    assert alignment_of_text(values) == 0
    assert np.isnan(combined(NeuralParts(iqa=0.9, alignment=float("nan"), ssim=0.9, lpips=0.9)))


def test_a_negative_value_that_is_an_outlier_counts_for_nothing() -> None:
    values = np.linspace(0.8, 0.9, 16)
    values[5] = -0.3
    assert ssim_of(values) > 0.8
