"""Confidence intervals: Student's t over seeds, binomial for a test set, and both combined."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit


@dataclass(frozen=True)
class Interval:
    """A mean with the half width of its confidence interval, as fractions."""

    mean: float
    half_width: float | None
    """None for a single value, which has no spread."""
    n: int
    """Number of values, one per seed."""

    def __str__(self) -> str:
        """In percent: `87.4 ± 1.2 (n=3)`."""
        return self._with_unit("")

    @property
    def percent(self) -> str:
        """For running text: `87.4 ± 1.2 % (n=3)`."""
        return self._with_unit(" %")

    def _with_unit(self, unit: str) -> str:
        spread = "" if self.half_width is None else f" ± {100 * self.half_width:.1f}"
        return f"{100 * self.mean:.1f}{spread}{unit} (n={self.n})"


@dataclass(frozen=True)
class Difference:
    """Our accuracy minus a published one, as fractions, with its noise."""

    value: float
    noise: float
    """Half width of the 95 % interval around `value`."""
    exceeds: bool
    """Whether the difference is larger than its noise."""
    n: int
    """Number of our seeds. With one, the spread over seeds is unknown and `noise` is too small: a
    table must say so."""

    def __str__(self) -> str:
        """In percentage points: `+2.5 ± 1.9`."""
        return f"{100 * self.value:+.1f} ± {100 * self.noise:.1f}"


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean of `values` and its Student t interval. Raises ValueError for no values.

    half width = t(level, n - 1) s / sqrt(n), with s the sample standard deviation. The values are
    assumed independent and normal.
    """
    if not values:
        raise ValueError("an interval needs at least one value; got none")
    n = len(values)
    half_width = None if n < 2 else _t(n, level) * _deviation(values) / math.sqrt(n)
    return Interval(float(np.mean(values)), half_width, n)


def binomial_half_width(p: float, n: int, level: float = 0.95) -> float:
    """Half width of the normal interval for a fraction `p` of `n`: z sqrt(p (1 - p) / n)."""
    return float(ndtri((1 + level) / 2)) * math.sqrt(p * (1 - p) / n)


def wilson(p: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a fraction `p` of `n`.

    It keeps its level near 0 and 1 and for small n: https://doi.org/10.2307/2276774. Raises
    ValueError for n below 1.
    """
    if n < 1:
        raise ValueError(f"an interval needs at least one sentence; got {n}")
    z = float(ndtri((1 + level) / 2))
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # At 0 and 1 an end is the fraction itself; rounding must not put it on the wrong side.
    return max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))


def difference(ours: Sequence[float], published: float, test_size: int) -> Difference:
    """Our mean test accuracy over seeds minus a published one, with its 95 % noise.

    noise^2 = (t s / sqrt(n))^2 + (t s)^2 + (z sqrt(m (1 - m) / N))^2 + (z sqrt(p (1 - p) / N))^2

    n is the number of our seeds, s the standard deviation and m the mean of their accuracies, p the
    published accuracy, N = `test_size`; t and z are the 97.5 % points of Student's t with n - 1
    degrees of freedom and of the normal distribution. The terms are our seeds, the published run's
    single seed, and the sampling of the test sentences in our number and in theirs. Assumptions:

    - The published run's spread over seeds is unknown and assumed equal to ours. With n = 1 ours is
      unknown too, and both terms are 0.
    - The four terms are independent. If both numbers come from the same sentences, the two test
      terms are positively correlated, so the noise is overestimated rather than underestimated.

    Raises ValueError for no values.
    """
    mean, n = mean_interval(ours), len(ours)
    seeds = 0.0 if n < 2 else _t(n, 0.95) * _deviation(ours)
    noise = math.hypot(
        seeds / math.sqrt(n),
        seeds,
        binomial_half_width(mean.mean, test_size),
        binomial_half_width(published, test_size),
    )
    value = mean.mean - published
    return Difference(value, noise, abs(value) > noise, n)


def _t(n: int, level: float) -> float:
    return float(stdtrit(n - 1, (1 + level) / 2))


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))
