"""The functions that stand in for SciPy's are SciPy's."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.special

from trellis_assets.domain.learning.sigmoid import expit, ndtri


def test_expit_is_that_of_scipy_also_far_out() -> None:
    x = np.array([-1000.0, -30.0, -1.0, 0.0, 0.3, 30.0, 1000.0])
    assert np.allclose(expit(x), scipy.special.expit(x), rtol=1e-9, atol=1e-300)
    assert float(expit(2.0)) == pytest.approx(float(scipy.special.expit(2.0)))


def test_ndtri_is_that_of_scipy_in_the_same_shape() -> None:
    p = np.array([[1e-6, 0.025, 0.5], [0.7, 0.975, 1 - 1e-6]])
    assert np.allclose(ndtri(p), scipy.special.ndtri(p), rtol=1e-9, atol=1e-12)


def test_the_store_is_imported_without_scipy() -> None:
    code = "import sys, trellis_assets.adapters.storage.store; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
