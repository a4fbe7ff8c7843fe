"""Is one search's winner better than another's, or is the difference seed noise?

The difference of two means, with its confidence interval over seeds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas
from scipy.special import stdtrit

from analysis.read.summary import Summary

SMALLEST_VARIANCE = 1e-18
"""Below this, the runs of both sides are equal except for rounding."""


@dataclass(frozen=True)
class PairwiseDifference:
    """One mean accuracy minus another, as fractions."""

    value: float
    half_width: float | None
    """Half width of its 95 % interval over seeds; None where the runs show no spread."""

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0. Among equal recipes, at most 5 % of pairs are."""
        return self.half_width is not None and abs(self.value) > self.half_width

    def __str__(self) -> str:
        """In percentage points: `+4.0 ± 1.5`."""
        spread = "" if self.half_width is None else f" ± {100 * self.half_width:.1f}"
        return f"{100 * self.value:+.1f}{spread}"


def pairwise_difference(ours: Sequence[float], theirs: Sequence[float]) -> PairwiseDifference:
    """The mean of `ours` minus the mean of `theirs`, with Welch's t interval.

    The runs are assumed independent and normal; the two spreads may differ.

    half width = t(0.975, df) sqrt(s1^2 / n1 + s2^2 / n2)

    with the degrees of freedom of Welch and Satterthwaite if both sides have equally many runs, and
    the smaller side's n - 1 otherwise, because Welch's interval is too narrow for few runs against
    many. A single run has no spread. Raises ValueError for a side without runs.
    """
    if not len(ours) or not len(theirs):
        raise ValueError("a difference needs at least one run on each side")
    value = float(np.mean(ours) - np.mean(theirs))
    sizes = [len(ours), len(theirs)]
    if min(sizes) < 2:
        return PairwiseDifference(value, None)
    variances = [float(np.var(runs, ddof=1)) / len(runs) for runs in (ours, theirs)]
    if sum(variances) < SMALLEST_VARIANCE:
        return PairwiseDifference(value, None)
    welch = sum(variances) ** 2 / sum(
        variance**2 / (n - 1) for variance, n in zip(variances, sizes)
    )
    freedom = welch if len(ours) == len(theirs) else min(sizes) - 1
    half_width = float(stdtrit(freedom, 0.975)) * math.sqrt(sum(variances))
    return PairwiseDifference(value, half_width)


def pairwise_table(runs: Mapping[str, Sequence[float]]) -> pandas.DataFrame:
    """A row per ordered pair of searches, from the accuracies of their runs.

    Columns: `regime`, `other`, `difference` of their means, its `half_width`, `n` and `n_other`.
    Searches without runs are left out.
    """
    measured = {name: accuracies for name, accuracies in runs.items() if len(accuracies)}
    rows = [
        {
            "regime": name,
            "other": other,
            "difference": difference.value,
            "half_width": difference.half_width,
            "n": len(ours),
            "n_other": len(theirs),
        }
        for (name, ours), (other, theirs) in permutations(measured.items(), 2)
        for difference in [pairwise_difference(ours, theirs)]
    ]
    return pandas.DataFrame(
        rows, columns=["regime", "other", "difference", "half_width", "n", "n_other"]
    )


def comparable_runs(summaries: Sequence[Summary]) -> tuple[str, list[list[float]]]:
    """The split on which searches are compared, and each one's accuracies there.

    The test split if every confirmed search was evaluated on it, else validation.
    """
    confirmed = [summary for summary in summaries if summary.confirmed_accuracy]
    if confirmed and all(summary.test for summary in confirmed):
        return "test", [summary.test_accuracies for summary in summaries]
    return "validation", [list(summary.confirmed_accuracy) for summary in summaries]
