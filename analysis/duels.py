"""Does one search's winner beat another's, or is it the seeds? And by how much choosing the best of many flatters it."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas

MOST = 100_000
"""Resamples up to which all of them are counted; beyond, as many are drawn."""


def beats(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The probability that the mean of `ours` is above that of `theirs`, by the bootstrap over seeds; a tie counts half.

    Each side is drawn again from its own runs, with replacement, as many as it has (Efron, 1979). With two seeds a side there are only
    three different means, so the answer is coarse. Raises ValueError for a side without runs.
    """
    if not len(ours) or not len(theirs):
        raise ValueError("a bootstrap needs at least one run on each side")
    first, second = _means(ours), np.sort(_means(theirs))
    below = np.searchsorted(second, first, side="left")
    up_to = np.searchsorted(second, first, side="right")
    return float((below + up_to).mean() / (2 * len(second)))


def _means(runs: Sequence[float]) -> np.ndarray:
    """The means of all resamples, or of many; rounded, so that equal ones are equal whatever order their runs were added in."""
    values, n = np.asarray(runs, dtype=float), len(runs)
    every = n**n <= MOST
    draws = np.array(list(product(range(n), repeat=n))) if every else np.random.default_rng(0).integers(n, size=(MOST, n))
    return np.round(values[draws].mean(axis=1), 12)


def table(runs: Mapping[str, Sequence[float]]) -> pandas.DataFrame:
    """A row a pair: `regime`, `other`, `probability`, `n` and `n_other`. Searches with a single run are left out: it has no spread."""
    several = {name: values for name, values in runs.items() if len(values) > 1}
    rows = [
        {"regime": ours, "other": theirs, "probability": beats(a, b), "n": len(a), "n_other": len(b)}
        for ours, a in several.items()
        for theirs, b in several.items()
        if ours != theirs
    ]
    return pandas.DataFrame(rows, columns=["regime", "other", "probability", "n", "n_other"])
