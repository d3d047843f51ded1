"""What local scores a recipe's candidates have: a random effect for each prompt, and a share of invalid ones.

`score = mean[recipe, kind] + prompt + rest`, with `prompt ~ N(0, between_sd^2)` common to all candidates of a
task and `rest ~ N(0, within_sd^2)`; fitted by expectation maximisation (N. M. Laird and J. H. Ware,
Random-Effects Models for Longitudinal Data, Biometrics 1982). Second candidates are made of prompts whose
first one was poor; that choice follows from what was seen, so that the likelihood is not biased by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.learning.sigmoid import ndtri

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# What is assumed before anything is seen, and how many candidates that counts for.
_MEAN, _MEAN_SD, _WITHIN_SD, _BETWEEN_SD, _PSEUDO = 0.55, 0.2, 0.15, 0.1, 6.0
# Kinds of prompts differ by about so much.
_KIND_SD = 0.08
_INVALID_SHARE, _INVALID_PSEUDO = 0.1, 5.0
_STEPS = 12
_QUANTILES: FloatArray = ndtri((np.arange(24) + 0.5) / 24)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Local scores of candidates, submitted or not.

    Attributes:
        cells: (n,) index of the recipe and kind of prompt, 0 up to `count` - 1.
        prompts: (n,) index of the task, 0 up to its number - 1.
        scores: (n,) local scores; of invalid models anything.
        valid: (n,) whether the model passed the data checks.
        count: of cells.
    """

    cells: IntArray
    prompts: IntArray
    scores: FloatArray
    valid: NDArray[np.bool_]
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class ScoreModel:
    """What is known of the recipes' scores.

    Attributes:
        means: (c,) of valid candidates, by recipe and kind of prompt.
        mean_sd: (c,) how surely they are known.
        invalid: (c,) share of models that fail a data check.
        within_sd, between_sd: among candidates of a prompt, and among prompts.
        counts: (c,) candidates seen.
    """

    means: FloatArray
    mean_sd: FloatArray
    invalid: FloatArray
    within_sd: float
    between_sd: float
    counts: IntArray

    def drawn(self, rng: np.random.Generator) -> "ScoreModel":
        """Return a model with means drawn from the posterior (Thompson sampling)."""
        means = rng.normal(self.means, self.mean_sd)
        return ScoreModel(means, self.mean_sd, self.invalid, self.within_sd, self.between_sd, self.counts)

    def predicted(self, cell: int, seen: Sequence[tuple[int, float]]) -> tuple[float, float]:
        """Return mean and standard deviation of the next valid candidate's score.

        With within 0.15, between 0.10 and a mean of 0.57, a first candidate of 0.30 moves the prompt's part
        by -0.27 * 0.01 / (0.01 + 0.0225) = -0.083: the next one is expected at 0.487.

        Args:
            cell: of the recipe that would make it.
            seen: cell and score of the task's valid candidates so far.
        """
        precision = self.between_sd**-2 + len(seen) * self.within_sd**-2
        rests = sum(score - float(self.means[of]) for of, score in seen)
        prompt = rests * self.within_sd**-2 / precision
        return float(self.means[cell]) + prompt, float(np.sqrt(self.within_sd**2 + 1 / precision))

    def sample(self, cell: int, seen: Sequence[tuple[int, float]]) -> tuple[FloatArray, FloatArray]:
        """Return scores (24,) of the next valid candidate at equal steps of probability, and their weights.

        The weights sum to the share of valid candidates.
        """
        mean, sd = self.predicted(cell, seen)
        share = (1 - float(self.invalid[cell])) / len(_QUANTILES)
        return mean + sd * _QUANTILES, np.full(len(_QUANTILES), share)


def fit_scores(scores: Scores, kinds: IntArray, earlier: ScoreModel | None = None) -> ScoreModel:
    """Return the model that the scores speak for; without any, the priors.

    Args:
        scores: of any number of candidates.
        kinds: (c,) index of each cell's recipe: cells of one recipe are drawn towards each other.
        earlier: where to begin.
    """
    count = scores.count
    valid = scores.valid
    cells, prompts, values = scores.cells[valid], scores.prompts[valid], scores.scores[valid]
    groups = int(prompts.max()) + 1 if len(prompts) else 0
    per_prompt = np.bincount(prompts, minlength=groups).astype(np.float64)
    per_cell = np.bincount(cells, minlength=count).astype(np.float64)
    means = np.full(count, _MEAN) if earlier is None else earlier.means.copy()
    within, between = (
        (_WITHIN_SD**2, _BETWEEN_SD**2) if earlier is None else (earlier.within_sd**2, earlier.between_sd**2)
    )
    if earlier is None:
        # From the cells' own means: from the prior's the steps would not reach scores that are far from it.
        sums = np.bincount(cells, values, count).astype(np.float64)
        means = _means(sums, per_cell, within, kinds)
    used = per_prompt > 0
    for _ in range(_STEPS):
        precision = 1 / between + per_prompt / within
        effect = np.bincount(prompts, values - means[cells], groups) / within / precision
        means = _means(
            np.bincount(cells, values - effect[prompts], count).astype(np.float64), per_cell, within, kinds
        )
        squares = float(np.sum((values - means[cells] - effect[prompts]) ** 2 + 1 / precision[prompts]))
        within = (squares + _PSEUDO * _WITHIN_SD**2) / (len(values) + _PSEUDO)
        effects = float(np.sum(effect[used] ** 2 + 1 / precision[used]))
        between = (effects + _PSEUDO * _BETWEEN_SD**2) / (float(used.sum()) + _PSEUDO)
    all_per_cell = np.bincount(scores.cells, minlength=count)
    failed = all_per_cell - per_cell
    return ScoreModel(
        means=means,
        mean_sd=np.sqrt((within + between) / (per_cell + (within + between) / _MEAN_SD**2)),
        invalid=(failed + _INVALID_PSEUDO * _INVALID_SHARE) / (all_per_cell + _INVALID_PSEUDO),
        within_sd=float(np.sqrt(within)),
        between_sd=float(np.sqrt(between)),
        counts=all_per_cell,
    )


def _means(sums: FloatArray, counts: FloatArray, within: float, recipes: IntArray) -> FloatArray:
    """(c,) means, each drawn towards that of its recipe's other kinds, and these towards the prior."""
    recipe_count = int(recipes.max()) + 1
    prior = within / _MEAN_SD**2
    of_recipe = (np.bincount(recipes, sums, recipe_count) + prior * _MEAN) / (
        np.bincount(recipes, counts, recipe_count) + prior
    )
    pull = within / _KIND_SD**2
    return np.asarray((sums + pull * of_recipe[recipes]) / (counts + pull), dtype=np.float64)
