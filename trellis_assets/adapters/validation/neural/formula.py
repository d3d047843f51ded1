"""How the subnet makes one score of its networks' answers (PROTOCOL 6.4)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ALIGNMENT_FLOOR = 0.3
# What a mean cosine is divided by for words, whose cosines are small; not for pictures.
TEXT_ALIGNMENT_SCALE = 0.35
# The defaults of the outlier filter that the service uses (kNN of pytod).
_NEIGHBOURS = 5
_CONTAMINATION = 0.1


@dataclass(frozen=True, slots=True)
class NeuralParts:
    """The parts of the score. `lpips` is 1 minus the distance between neighbouring views."""

    iqa: float
    alignment: float
    ssim: float
    lpips: float


def combined(parts: NeuralParts) -> float:
    """Return the subnet's score; it may exceed 1, since alignment is not capped.

    It is NaN where a part is, which validators count as 0.
    """
    if parts.alignment < ALIGNMENT_FLOOR:
        return 0.0
    return (
        0.75 * parts.iqa
        + 0.2 * parts.alignment
        + 0.025 * _sigmoid(parts.ssim, 35, 0.83)
        + 0.025 * parts.lpips * _sigmoid(parts.lpips, 30, 0.7)
    )


def _sigmoid(x: float, slope: float, centre: float) -> float:
    return float(1 / (1 + np.exp(-slope * (x - centre))))


def without_outliers(values: Array) -> Array:
    """Return the values (N,) without those furthest from their fifth neighbour (Ramaswamy et al. 2000).

    A tenth of the values counts as outliers, as the service's filter takes it by default. Few values
    are kept as they are.
    """
    if len(values) <= _NEIGHBOURS:
        return values
    distances = np.abs(values[:, None] - values[None, :])
    # The nearest of all is the value itself.
    to_fifth = np.sort(distances, axis=1)[:, _NEIGHBOURS]
    kept: Array = values[to_fifth <= np.quantile(to_fifth, 1 - _CONTAMINATION)]
    return kept


def geometric_mean(values: Array) -> float:
    """Return exp(mean(log x)); 0 where any value is 0, NaN where any is negative, as the service has it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.exp(np.log(values).mean()))


def alignment_of_text(cosines: Array) -> float:
    """Return the alignment from the cosines (N,) between words and views."""
    return geometric_mean(np.clip(without_outliers(cosines), 0, 1)) / TEXT_ALIGNMENT_SCALE


def alignment_of_picture(cosines: Array) -> float:
    """Return the part for the cosines (N,) between an image prompt and views; NaN for a negative one.

    The service clips the cosines of words and not those of pictures.
    """
    return geometric_mean(without_outliers(cosines))


def ssim_of(values: Array) -> float:
    """Return the part for the structural similarities (N,) of neighbouring views; NaN for a negative one."""
    return geometric_mean(without_outliers(values))


def lpips_of(distances: Array) -> float:
    """Return 1 minus the mean of the perceptual distances (N,) of neighbouring views."""
    return 1 - geometric_mean(without_outliers(distances))
