"""Two functions of `scipy.special`, whose import takes 10 MB and 0.3 s in every process of a miner."""

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_NORMAL = NormalDist()
# `exp` of more overflows.
_MOST = 700.0


def expit(x: NDArray[Any] | float) -> FloatArray:
    """Return the logistic function `1 / (1 + exp(-x))` of each element; no argument overflows.

    Of 0 it is 0.5, of 2 0.881, of -1000 0.
    """
    result: FloatArray = np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -_MOST, _MOST))))
    return result


def ndtri(p: FloatArray) -> FloatArray:
    """Return the quantile of the standard normal law for each probability in (0, 1).

    Of 0.5 it is 0, of 0.975 1.96. About 1 microsecond an element: for tables that are made once.
    """
    flat = [_NORMAL.inv_cdf(float(each)) for each in np.ravel(p)]
    return np.array(flat, np.float64).reshape(np.shape(p))
