"""A surface through trials: a Gaussian process whose scales are fitted to them.

Its covariance is Matérn's with smoothness 5/2, a length scale for each input, and noise: Rasmussen
and Williams, 2006, chapters 2, 4 and 5. scikit-learn's is the same (the tests compare them), but
takes a second to import.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

VARIANCE, LENGTH, NOISE = (1.0, 20.0), (0.2, 3.0), (1e-3, 1.0)
"""Bounds: of the variance and the noise as multiples of the trials' variance, of a length scale as
multiples of a range."""
START = (1.0, 1.0, 0.1)
"""Where the fit of variance, length scales and noise starts."""


@dataclass(frozen=True)
class Surface:
    """The mean at some points and its covariance, without the noise of a trial."""

    mean: np.ndarray
    """(P,)"""
    covariance: np.ndarray
    """(P, P)"""


def surface(x: np.ndarray, y: np.ndarray, points: np.ndarray) -> Surface:
    """Fit to trials at `x` (N, D) with accuracies `y` (N,), and read at `points` (P, D)."""
    middle, unit = y.mean(), float(y.std()) or 1.0
    inputs = x.shape[1]
    bounds = np.log([VARIANCE, *[LENGTH] * inputs, NOISE])
    start = np.log([START[0], *[START[1]] * inputs, START[2]])
    squares = _squares(x, x)
    target = (y - middle) / unit
    found = minimize(_loss, start, (squares, target), method="L-BFGS-B", jac=True, bounds=bounds)
    variance, *lengths, noise = np.exp(found.x)
    scales = np.array(lengths)
    smooth, across, within = (
        variance * _matern(_distances(pairs, scales))
        for pairs in (squares, _squares(points, x), _squares(points, points))
    )
    factor = cho_factor(smooth + noise * np.eye(len(y)))
    mean = across @ cho_solve(factor, target)
    covariance = within - across @ cho_solve(factor, across.T)
    return Surface(middle + unit * mean, unit**2 * covariance)


def _squares(x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(D, N, M): squared distances along each input."""
    result: np.ndarray = (x.T[:, :, None] - other.T[:, None]) ** 2
    return result


def _distances(squares: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """(N, M), in length scales, times the root of 5."""
    return np.sqrt(5 * np.tensordot(scales**-2.0, squares, axes=1))


def _matern(distance: np.ndarray) -> np.ndarray:
    result: np.ndarray = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return result


def _loss(
    logarithms: np.ndarray, squares: np.ndarray, target: np.ndarray
) -> tuple[float, np.ndarray]:
    """The negative log marginal likelihood, and its gradient by the parameters' logarithms."""
    variance, *lengths, noise = np.exp(logarithms)
    scales = np.array(lengths)
    distance = _distances(squares, scales)
    smooth = variance * _matern(distance)
    unity = np.eye(len(target))
    factor = cho_factor(smooth + noise * unity, lower=True)
    inverse = cho_solve(factor, unity)
    weights = inverse @ target
    determinant = 2 * np.log(np.diag(factor[0])).sum()
    loss = (target @ weights + determinant + len(target) * np.log(2 * np.pi)) / 2
    # A change of the covariance changes the loss by half the sum of its product with this.
    pull = inverse - np.outer(weights, weights)
    steepness = pull * variance * 5 / 3 * (1 + distance) * np.exp(-distance)
    by_length = np.tensordot(squares, steepness, axes=2) / scales**2
    gradient = np.array([(pull * smooth).sum(), *by_length, noise * np.trace(pull)]) / 2
    return float(loss), gradient
