"""Is one search's winner ahead of another's, or is it the seeds?

The difference of their means, with its interval.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas
from scipy.special import stdtrit


@dataclass(frozen=True)
class Gap:
    """One mean minus another, as fractions."""

    value: float
    half_width: float | None
    """Of its 95 % interval over seeds; None where the runs show no spread."""

    @property
    def exceeds(self) -> bool:
        """Whether the interval leaves 0 out: so it does in at most one of twenty pairs of equal
        recipes."""
        return self.half_width is not None and abs(self.value) > self.half_width

    def __str__(self) -> str:
        """In percentage points: `+4.0 ± 1.5`."""
        return f"{100 * self.value:+.1f}" + (
            "" if self.half_width is None else f" ± {100 * self.half_width:.1f}"
        )


def gap(ours: Sequence[float], theirs: Sequence[float]) -> Gap:
    """The mean of `ours` minus that of `theirs`, by Welch's t: the runs are taken as independent
    and normal, their spreads may differ.

    half width = t(0.975, df) sqrt(s1^2 / n1 + s2^2 / n2), with Welch and Satterthwaite's degrees of
    freedom where both sides have as many runs, and the smaller side's n - 1 elsewhere, because few
    runs beside many make Welch's too narrow. A single run has no spread. Raises ValueError for a
    side without runs.
    """
    if not len(ours) or not len(theirs):
        raise ValueError("a difference needs at least one run on each side")
    value = float(np.mean(ours) - np.mean(theirs))
    sizes = [len(ours), len(theirs)]
    if min(sizes) < 2:
        return Gap(value, None)
    parts = [float(np.var(runs, ddof=1)) / len(runs) for runs in (ours, theirs)]
    if sum(parts) < 1e-18:  # equal runs, but for rounding
        return Gap(value, None)
    welch = sum(parts) ** 2 / sum(part**2 / (n - 1) for part, n in zip(parts, sizes))
    freedom = welch if len(ours) == len(theirs) else min(sizes) - 1
    return Gap(value, float(stdtrit(freedom, 0.975)) * math.sqrt(sum(parts)))


def table(runs: Mapping[str, Sequence[float]]) -> pandas.DataFrame:
    """A row an ordered pair:

    `regime`, `other`, `difference` of their means, its `half_width`, `n` and `n_other`. Searches
    without a run are left out.
    """
    known = {name: values for name, values in runs.items() if len(values)}
    rows = [
        {
            "regime": ours,
            "other": theirs,
            "difference": found.value,
            "half_width": found.half_width,
            "n": len(a),
            "n_other": len(b),
        }
        for (ours, a), (theirs, b) in permutations(known.items(), 2)
        for found in [gap(a, b)]
    ]
    return pandas.DataFrame(
        rows, columns=["regime", "other", "difference", "half_width", "n", "n_other"]
    )
