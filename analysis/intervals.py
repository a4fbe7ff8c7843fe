"""How sure a number is:

Student t over seeds, the binomial of a test set, and both together for a difference.
"""

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
    """None where one value gives no spread."""
    n: int
    """How many values, one a seed."""

    def __str__(self) -> str:
        """In percent: `87.4 ± 1.2 (n=3)`."""
        return self._with_unit("")

    @property
    def percent(self) -> str:
        """As running text has it: `87.4 ± 1.2 % (n=3)`."""
        return self._with_unit(" %")

    def _with_unit(self, unit: str) -> str:
        spread = "" if self.half_width is None else f" ± {100 * self.half_width:.1f}"
        return f"{100 * self.mean:.1f}{spread}{unit} (n={self.n})"


@dataclass(frozen=True)
class Difference:
    """Ours minus the published, as fractions, and the noise that it is measured in."""

    value: float
    noise: float
    """Half width of the 95 % interval around `value`."""
    exceeds: bool
    """Whether the difference is larger than its noise."""
    n: int
    """Our seeds. With one, the spread from seed to seed is unknown and `noise` is too small: a
    table must say so."""

    def __str__(self) -> str:
        """In percentage points: `+2.5 ± 1.9`."""
        return f"{100 * self.value:+.1f} ± {100 * self.noise:.1f}"


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean of `values` and its Student t interval. Raises ValueError for no values.

    half width = t(level, n - 1) s / sqrt(n), with s the sample standard deviation: the values are
    taken as independent and normal.
    """
    if not values:
        raise ValueError("an interval needs at least one value; got none")
    half_width = (
        None
        if len(values) < 2
        else _t(len(values), level) * _deviation(values) / math.sqrt(len(values))
    )
    return Interval(float(np.mean(values)), half_width, len(values))


def binomial_half_width(p: float, n: int, level: float = 0.95) -> float:
    """Half width of the normal interval for a share `p` of `n` test sentences: z sqrt(p (1 - p) /
    n)."""
    return float(ndtri((1 + level) / 2)) * math.sqrt(p * (1 - p) / n)


def wilson(p: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share `p` of `n`, which keeps its level near 0 and 1 and for few
    (https://doi.org/10.2307/2276774).

    Raises ValueError for n below 1.
    """
    if n < 1:
        raise ValueError(f"an interval needs at least one sentence; got {n}")
    z = float(ndtri((1 + level) / 2))
    middle, half = (
        (p + z**2 / (2 * n)) / (1 + z**2 / n),
        z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n),
    )
    # At shares of 0 and 1 an end is the share itself; rounding must not put it on the wrong side.
    return max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))


def difference(ours: Sequence[float], published: float, test_size: int) -> Difference:
    """Our mean test accuracy over seeds minus a published one, with the 95 % half width of that
    difference.

    noise^2 = (t s / sqrt(n))^2 + (t s)^2 + (z sqrt(m (1 - m) / N))^2 + (z sqrt(p (1 - p) / N))^2

    with n our seeds, s their standard deviation, m their mean, p the published accuracy, N =
    `test_size`, and t and z the 97.5 % points of Student's t with n - 1 degrees of freedom and of
    the normal. In words: our seeds, the published run's one seed, the sampling of the test
    sentences in our number and in theirs. What is assumed:

    - The published run's spread over seeds is unknown, and taken as ours. With n = 1 ours is unknown too: both terms are 0.
    - The four are independent. The two test terms are not quite, where both used the same sentences: then both erred on many of
      the same ones, and the noise is overstated rather than understated.

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
