"""Confidence intervals of one sample: Student's t for a mean, Wilson's for a fraction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with the half width of its 95 % interval, as fractions."""

    mean: float
    half_width: float | None
    """On the sentences that were measured: only the seeds vary. None where the spread is not
    known."""
    n: int
    """Number of values, one per seed."""
    freedom: int | None = None
    """Degrees of freedom of the runs behind the spread, if it is that of many recipes."""
    new_sentences: float | None = None
    """Half width on new sentences: the seeds and the sentences vary."""

    def __str__(self) -> str:
        """In percent: `87.4 ± 1.2 (n=3, df=8)`."""
        return self._with_unit("")

    @property
    def percent(self) -> str:
        """For running text: `87.4 ± 1.2 % (n=3, df=8)`."""
        return self._with_unit(" %")

    @property
    def short(self) -> str:
        """In percent, where n stands elsewhere: `87.4 ± 1.2`."""
        spread = "" if self.half_width is None else f" ± {100 * self.half_width:.1f}"
        return f"{100 * self.mean:.1f}{spread}"

    def _with_unit(self, unit: str) -> str:
        freedom = "" if self.freedom is None else f", df={self.freedom}"
        return f"{self.short}{unit} (n={self.n}{freedom})"


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


def _t(n: int, level: float) -> float:
    return float(stdtrit(n - 1, (1 + level) / 2))


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))
