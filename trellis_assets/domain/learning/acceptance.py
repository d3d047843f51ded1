"""How likely a validator accepts a model, from the local score: a logistic model with partial pooling.

`P(accepted) = alive_v * sigmoid(w . x + a_v)`: `x` is 1 and the features (the local score less the
validator's threshold first, then parts of the score), `w` is common to all validators, and `a_v` is this
validator's deviation, which a normal prior draws towards 0 (A. Gelman and J. Hill, Data Analysis Using
Regression and Multilevel/Hierarchical Models, 2007, chapter 12). Both are maximum-a-posteriori estimates with
the covariance of Laplace's approximation. Old answers weigh less, those of a validator's own deviation
soonest. `alive_v` is the probability that the validator accepts anything at all.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.learning.sigmoid import expit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# A difference in local score that matters: features are given in units of this.
FEATURE_UNIT = 0.1
# Standard deviations of the priors: of the intercept, of a slope per `FEATURE_UNIT`.
_INTERCEPT_SD, _SLOPE_SD = 3.0, 3.0
# A part of the score may as well say nothing: its slope is then within this, and as likely beforehand.
_NOTHING_SD = 0.05
# The pooling: between validators, at first and within these bounds, in logits.
_POOL_SD, _LEAST_POOL_SD, _MOST_POOL_SD = 0.6, 0.5, 2.0
# The pool's tails: those of Student's t, so that a validator which is quite different is not drawn back.
_TAIL = 4.0
# Newer answers weigh more: half-lives in answers, of all validators and of one.
COMMON_HALF_LIFE, OWN_HALF_LIFE = 300.0, 40.0
# A validator that accepts nothing: how likely before its first acceptance and after one, and how long
# rejections speak against it. No single rejection says more than one of a model accepted with 0.7.
_DEAD_AT_FIRST, _DEAD_LATER, DEAD_HALF_LIFE_S, _MOST_EXPECTED = 0.03, 0.001, 6 * 3600.0, 0.7
ALIVE_AT_FIRST = 1 - _DEAD_AT_FIRST
_STEPS, _ENOUGH = 8, 1e-3
_MOST_LOGITS = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What validators said to models with a local score, oldest first.

    Attributes:
        validators: (n,) index of the validator, 0 up to `count` - 1.
        features: (n, d) local score less the threshold, then parts of the score; 0.1 is a difference.
        accepted: (n,) whether the validator accepted it.
        times_s: (n,) when, seconds.
        count: of validators.
    """

    validators: IntArray
    features: FloatArray
    accepted: NDArray[np.bool_]
    times_s: FloatArray
    count: int

    def __len__(self) -> int:
        return len(self.validators)


@dataclass(frozen=True, slots=True, eq=False)
class AcceptanceModel:
    """What is known of the validators' acceptance.

    Attributes:
        weights: (d + 1,) intercept, and slopes per `FEATURE_UNIT`.
        covariance: (d + 1, d + 1) of the weights.
        deviations: (v,) of the validators, logits.
        deviation_sd: (v,) how surely they are known.
        alive: (v,) probability that a validator accepts anything.
        pool_sd: standard deviation between validators, logits.
        answers: how many it was fitted to.
    """

    weights: FloatArray
    covariance: FloatArray
    deviations: FloatArray
    deviation_sd: FloatArray
    alive: FloatArray
    pool_sd: float
    answers: int

    def probability(self, features: FloatArray, validator: int) -> FloatArray:
        """Return (...) the probability that a validator which is alive accepts models of these features.

        Args:
            features: (..., d).
            validator: its index.
        """
        return logistic(self.weights, features, float(self.deviations[validator]))

    def interval(self, features: FloatArray, validator: int) -> tuple[float, float]:
        """Return the 95 % interval of the acceptance at one feature vector (d,)."""
        row = np.concatenate(([1.0], features / FEATURE_UNIT))
        centre = float(row @ self.weights + self.deviations[validator])
        spread = 1.96 * float(np.sqrt(row @ self.covariance @ row + self.deviation_sd[validator] ** 2))
        low, high = expit(np.array([centre - spread, centre + spread])) * self.alive[validator]
        return float(low), float(high)

    def drawn(self, rng: np.random.Generator) -> "AcceptanceModel":
        """Return a model drawn from the posterior: each validator alive or not, and no worse than expected.

        A draw that is worse than the mean would only hand back what is worth submitting, and teach nothing
        (B. C. May and others, Optimistic Bayesian Sampling in Contextual-Bandit Problems, JMLR 2012).
        """
        better = np.maximum(0.0, rng.standard_normal(len(self.deviations)))
        return replace(
            self,
            deviations=self.deviations + self.deviation_sd * better,
            alive=(rng.random(len(self.alive)) < self.alive).astype(np.float64),
        )


def logistic(weights: FloatArray, features: FloatArray, deviation: FloatArray | float) -> FloatArray:
    """Return `sigmoid(w0 + w . features / FEATURE_UNIT + deviation)` (...) of features (..., d).

    With weights (0, 2) and a score 0.05 above the threshold: sigmoid(2 * 0.5) = 0.73.
    """
    logits = weights[0] + features @ (weights[1:] / FEATURE_UNIT) + deviation
    result: FloatArray = expit(logits)
    return result


def fit_acceptance(answers: Answers, now_s: float, earlier: AcceptanceModel | None = None) -> AcceptanceModel:
    """Return the model that the answers speak for; without any, the priors.

    Args:
        answers: of any number.
        now_s: the time, seconds.
        earlier: where to begin; also tells how the validators differ.
    """
    count, n = answers.count, len(answers)
    rows = np.column_stack((np.ones(n), answers.features / FEATURE_UNIT))
    width = rows.shape[1]
    pool_sd = earlier.pool_sd if earlier is not None else _POOL_SD
    alive = np.full(count, ALIVE_AT_FIRST)
    if earlier is not None and n:
        alive = _alive(answers, logistic(earlier.weights, answers.features, 0.0), now_s)
    weights_of_answers = _weights(answers, alive)
    start = np.zeros(width + count)
    if earlier is not None and len(earlier.weights) == width and len(earlier.deviations) == count:
        start = np.concatenate((earlier.weights, earlier.deviations))
    prior = np.concatenate(([_INTERCEPT_SD], np.full(width - 1, _SLOPE_SD), np.full(count, pool_sd))) ** -2.0
    joint, information = _joint_fit(rows, answers, weights_of_answers, prior, start)
    weights, covariance = joint[:width], np.linalg.inv(information)[:width, :width].astype(np.float64)
    weights = _without_chance(weights, covariance, rows, weights_of_answers)
    deviations, variances = _own_fit(rows @ weights, answers, weights_of_answers, pool_sd)
    between = float(np.sqrt(np.average(deviations**2 + variances, weights=alive))) if count else _POOL_SD
    return AcceptanceModel(
        weights=weights,
        covariance=covariance,
        deviations=deviations,
        deviation_sd=np.sqrt(variances),
        alive=alive,
        pool_sd=min(max(between, _LEAST_POOL_SD), _MOST_POOL_SD),
        answers=n,
    )


def _weights(answers: Answers, alive: FloatArray) -> FloatArray:
    """(n,) how much each answer counts: newer ones more, rejections of a validator that may be dead less."""
    n = len(answers)
    ages = np.arange(n)[::-1]
    is_open = _since_last_acceptance(answers)
    return 0.5 ** (ages / COMMON_HALF_LIFE) * np.where(is_open, alive[answers.validators], 1.0)


def _since_last_acceptance(answers: Answers) -> NDArray[np.bool_]:
    """(n,) which answers are rejections after which the validator has accepted nothing."""
    last = np.full(answers.count, -1)
    np.maximum.at(last, answers.validators[answers.accepted], np.flatnonzero(answers.accepted))
    result: NDArray[np.bool_] = np.arange(len(answers)) > last[answers.validators]
    return result


def _alive(answers: Answers, expected: FloatArray, now_s: float) -> FloatArray:
    """(v,) the probability that each validator accepts anything, by its rejections since the last acceptance.

    Five rejections of models that others accept with 0.6 speak with 0.4**5 = 0.01 for it: 0.25 is left of
    0.97. Their evidence fades, so that the validator is tried again. One that accepted before is more
    likely to do so again: after the same five it is at 0.91.
    """
    is_open = _since_last_acceptance(answers)
    ever = np.bincount(answers.validators, answers.accepted, answers.count) > 0
    dead = np.where(ever, _DEAD_LATER, _DEAD_AT_FIRST)
    fading = 0.5 ** ((now_s - answers.times_s) / DEAD_HALF_LIFE_S)
    evidence = np.bincount(
        answers.validators,
        weights=is_open * fading * np.log(1 - np.minimum(expected, _MOST_EXPECTED)),
        minlength=answers.count,
    )
    logits = np.log((1 - dead) / dead) + evidence
    result: FloatArray = expit(logits)
    return result


def _joint_fit(
    rows: FloatArray, answers: Answers, weights: FloatArray, prior: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Newton's steps for the common weights and all deviations at once; the information at the end."""
    width, count, n = rows.shape[1], answers.count, len(answers)
    design = np.zeros((n, width + count))
    design[:, :width] = rows
    design[np.arange(n), width + answers.validators] = 1.0
    values, information = start.copy(), np.diag(prior)
    for _ in range(_STEPS):
        expected = expit(np.clip(design @ values, -_MOST_LOGITS, _MOST_LOGITS))
        slope = design.T @ (weights * (answers.accepted - expected)) - prior * values
        curvature = weights * np.maximum(expected * (1 - expected), _ENOUGH)
        information = (design * curvature[:, None]).T @ design + np.diag(prior)
        step = np.linalg.solve(information, slope)
        values += np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < _ENOUGH:
            break
    return values, information


def _without_chance(
    weights: FloatArray, covariance: FloatArray, rows: FloatArray, counted: FloatArray
) -> FloatArray:
    """(d + 1,) the weights with slopes that may be chance drawn to 0; the intercept makes up for it.

    Each slope times the probability that it is of the prior and not of "says nothing", by Bayes' rule (a
    mixture of two normals: E. I. George and R. E. McCulloch, JASA 88, 1993). With a standard error of 0.08 a
    slope of 0.1 becomes 0.01, and one of 0.4 stays 0.4.
    """
    if len(rows) == 0:
        return weights
    slopes, errors = weights[1:], np.diag(covariance)[1:]

    def density(variance: FloatArray) -> FloatArray:
        return np.asarray(np.exp(-(slopes**2) / (2 * variance)) / np.sqrt(variance))

    says, chance = density(errors + _SLOPE_SD**2), density(errors + _NOTHING_SD**2)
    kept = slopes * says / (says + chance)
    centre = np.average(rows[:, 1:], axis=0, weights=counted)
    return np.concatenate(([weights[0] + (slopes - kept) @ centre], kept))


def _own_fit(
    logits: FloatArray, answers: Answers, weights: FloatArray, pool_sd: float
) -> tuple[FloatArray, FloatArray]:
    """(v,) deviations and their variances, of each validator's own newest answers."""
    count = answers.count
    order = np.argsort(answers.validators[::-1], kind="stable")
    newest_first = answers.validators[::-1][order]
    starts = np.searchsorted(newest_first, np.arange(count))
    rank = np.empty(len(answers))
    rank[::-1][order] = np.arange(len(answers)) - starts[newest_first]
    own = weights * 0.5 ** (rank / OWN_HALF_LIFE)
    deviations, precision = np.zeros(count), np.ones(count)
    for _ in range(_STEPS):
        expected = expit(np.clip(logits + deviations[answers.validators], -_MOST_LOGITS, _MOST_LOGITS))
        slope = np.bincount(answers.validators, own * (answers.accepted - expected), count)
        bend = np.bincount(answers.validators, own * np.maximum(expected * (1 - expected), _ENOUGH), count)
        pull = (_TAIL + 1) / (_TAIL * pool_sd**2 + deviations**2)
        precision = bend + pull
        step = (slope - deviations * pull) / precision
        deviations += np.clip(step, -2.0, 2.0)
        if not count or float(np.abs(step).max()) < _ENOUGH:
            break
    return deviations, 1 / precision
