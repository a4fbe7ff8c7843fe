"""The fitted surface is scikit-learn's."""

import warnings

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from analysis.hyperparameters.surface import LENGTH, NOISE, START, VARIANCE, surface


@pytest.mark.parametrize(("trials", "inputs"), [(8, 3), (20, 8), (50, 12)])
def test_it_is_scikit_learns(trials: int, inputs: int) -> None:
    random = np.random.default_rng(trials)
    x, points = random.random((trials, inputs)), random.random((5, inputs))
    y = 0.9 - (x[:, 0] - 0.5) ** 2 + random.normal(0, 0.003, trials)
    kernel = ConstantKernel(START[0], VARIANCE) * Matern(np.full(inputs, START[1]), LENGTH, nu=2.5)
    process = GaussianProcessRegressor(kernel + WhiteKernel(START[2], NOISE), normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A scale at its bound.
        process.fit(x, y)
    mean, covariance = process.predict(points, return_cov=True)
    noise = process.kernel_.k2.noise_level * np.var(y)
    found = surface(x, y, points)
    assert found.mean == pytest.approx(mean, abs=1e-6)
    assert found.covariance == pytest.approx(covariance - noise * np.eye(5), abs=1e-8)


def test_equal_accuracies_are_a_plane() -> None:
    x = np.random.default_rng(0).random((10, 2))
    assert surface(x, np.full(10, 0.8), x[:3]).mean == pytest.approx(0.8)
