"""How much a recipe's accuracy varies over seeds, learned from all runs on one split.

Two or three runs of a recipe tell little about its spread, but all recipes together tell much. The
model, with x a run's accuracy as a fraction, m its recipe's mean and N the sentences of the split:

    x ~ Normal(m, d m (1 - m) / N)                      of each recipe, on each seed
    d ~ scaled inverse chi-squared(freedom, centre)     recipes differ, the more the fewer `freedom`
    log centre ~ Normal(log prior, PRIOR_DEVIATION), freedom one of FREEDOMS, equally likely

d is the recipe's dispersion: its variance over seeds relative to the sampling variance of one run.
Given centre and freedom, a mean has a Student t interval with freedom + n - 1 degrees of freedom:
the moderated t of Smyth, 2004 (https://doi.org/10.2202/1544-6115.1027). Centre and freedom are
integrated over a grid. Summed variances get the degrees of freedom of Welch and Satterthwaite.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaln, stdtr, stdtrit

from analysis.metric import Metric

PRIORS = {"validation": 0.28, "test": 0.44}
"""The dispersion by split, where a folder has few runs: that of recorded searches (see LOG.md). On
validation it is lower, because a run's accuracy there is that of its best epoch."""
PRIOR_DEVIATION = 1.0
"""Of the logarithm: a factor of 2.7 either way. The prior is worth about three degrees of
freedom."""
FREEDOMS = (2.0, 4.0, 8.0, 32.0)
"""From recipes whose spreads differ by a factor of two to recipes with the same spread."""
STEPS = np.linspace(-3.5, 3.5, 48)
"""The grid of centres, in prior deviations from the prior's."""

NEGLIGIBLE = 1e-8
"""Hypotheses that are so much less likely than the likeliest are left out."""
WIDTH_TOLERANCE = 1e-7
"""Of a half width, as a fraction: a hundred-thousandth of a point."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Runs:
    """A recipe's scores on a split, one per seed, as fractions: accuracies or macro-F1."""

    values: tuple[float, ...]
    sentences: float
    """Number of sentences in the split; for macro-F1, its `effective_sentences`."""
    deterministic: bool = False
    """Whether every seed gives the same model."""

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.values))

    @property
    def freedom(self) -> int:
        """Degrees of freedom of its own variance."""
        return len(self.values) - 1

    @property
    def squares(self) -> float:
        """Sum of squared distances from the mean, in units of the sampling variance."""
        return float(np.sum((np.asarray(self.values) - self.mean) ** 2)) / self.unit

    @property
    def unit(self) -> float:
        """The sampling variance of one run."""
        return sampling_variance(self.mean, self.sentences)


def sampling_variance(accuracy: float, sentences: float) -> float:
    """m (1 - m) / N: how much a run's accuracy varies over draws of N sentences.

    One right and one wrong sentence are added, so that it is above 0 for an accuracy of 0 or 1.
    """
    smoothed = (accuracy * sentences + 1) / (sentences + 2)
    return smoothed * (1 - smoothed) / sentences


def effective_sentences(labels: NDArray[np.int64], metric: Metric) -> float:
    """The sentences of a split (N,) for which `sampling_variance` holds.

    Macro-F1 is a mean over K labels, of which one with n sentences varies about as m (1 - m) / n.
    So it varies as on K² / Σ 1/n sentences: N if all labels are as frequent, fewer if some are
    rare.
    """
    if metric == "accuracy":
        return len(labels)
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    return float(len(counts) ** 2 / (1 / counts).sum())


def sentence_variance(ours: NDArray[np.bool_], theirs: NDArray[np.bool_] | None = None) -> float:
    """How much our mean accuracy, or its distance to theirs, varies over draws of N sentences.

    `ours` and `theirs` are which sentences their runs got right (runs, N), on the same sentences.
    What differs between seeds on a sentence is left out: the spread over seeds has it already.
    """
    sides = [ours] if theirs is None else [ours, theirs]
    means = [side.mean(axis=0) for side in sides]  # (N,)
    flips = [side.var(axis=0, ddof=1).mean() / len(side) for side in sides if len(side) > 1]
    variance = np.var(means[0] - sum(means[1:]), ddof=1)
    return max(0.0, float(variance - sum(flips))) / ours.shape[1]


@dataclass(frozen=True)
class Term:
    """A variance, under each of a spread's hypotheses (H of them)."""

    variance: Array
    """(H,)"""
    freedom: Array
    """Degrees of freedom of the estimate (H,); infinite where the variance is known."""

    def __mul__(self, factor: float) -> "Term":
        return Term(factor * self.variance, self.freedom)


@dataclass(frozen=True)
class Spread:
    """What the runs on one split say about the spread over seeds."""

    weights: Array
    """Posterior probability of each pair of centre and freedom (H,)."""
    centres: Array
    """(H,)"""
    freedoms: Array
    """(H,)"""
    freedom: int
    """Degrees of freedom of all runs behind it, each recipe around its own mean."""
    found: dict[tuple[bytes, bytes, float], float] = field(default_factory=dict, compare=False)
    """The half widths that were asked for: several sections ask for the same."""

    @classmethod
    def of(cls, recipes: Sequence[Runs], prior: float) -> "Spread":
        """Learn the spread from recipes on one split; without any it is the prior's, one of
        `PRIORS`."""
        known = [runs for runs in recipes if runs.freedom > 0 and not runs.deterministic]
        steps, freedoms = (grid.ravel() for grid in np.meshgrid(STEPS, np.array(FREEDOMS)))
        centres = prior * np.exp(PRIOR_DEVIATION * steps)
        own = np.array([runs.freedom for runs in known])[:, None]  # (R, 1)
        squares = np.array([runs.squares for runs in known])[:, None]
        scale = freedoms * centres  # (H,)
        log = -(steps**2) / 2 + np.sum(
            gammaln((freedoms + own) / 2)
            - gammaln(freedoms / 2)
            + freedoms / 2 * np.log(scale)
            - (freedoms + own) / 2 * np.log(scale + squares),
            axis=0,
        )
        weights = np.exp(log - log.max())
        likely = weights > NEGLIGIBLE
        weights = weights[likely] / weights[likely].sum()
        return cls(weights, centres[likely], freedoms[likely], int(own.sum()))

    def of_one_run(self, runs: Runs) -> Term:
        """The variance of one run of this recipe over seeds."""
        if runs.deterministic:
            return self.known(0.0)
        freedom = self.freedoms + runs.freedom
        dispersion = (self.freedoms * self.centres + runs.squares) / freedom
        return Term(runs.unit * dispersion, freedom)

    def of_mean(self, runs: Runs) -> Term:
        """The variance of the mean of these runs over seeds."""
        return self.of_one_run(runs) * (1 / len(runs.values))

    def known(self, variance: float) -> Term:
        """A variance that needs no estimate."""
        return Term(np.full_like(self.weights, variance), np.full_like(self.weights, np.inf))

    def half_width(self, *terms: Term, level: float = 0.95) -> float:
        """Half width of the interval of a sum with these independent variances."""
        variance, freedom = total = _sum(terms)
        if not variance.any():
            return 0.0
        key = (variance.tobytes(), freedom.tobytes(), level)
        if key in self.found:
            return self.found[key]
        # No t has fewer degrees of freedom than the first of FREEDOMS.
        widest = float(stdtrit(FREEDOMS[0], (1 + level) / 2) * np.sqrt(variance.max()))

        def outside(width: float) -> float:
            return self._beyond(width, *total) - (1 - level)

        width = float(brentq(outside, 0.0, 2 * widest, xtol=WIDTH_TOLERANCE))
        self.found[key] = width
        return width

    def p_value(self, value: float, *terms: Term) -> float:
        """Two-sided p value of a sum with these independent variances that is 0 if nothing is
        different."""
        return self._beyond(abs(value), *_sum(terms))

    def _beyond(self, width: float, variance: Array, freedom: Array) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(variance > 0, width / np.sqrt(variance), np.inf if width else 0.0)
        return float(2 * self.weights @ stdtr(freedom, -t))


def _sum(terms: Sequence[Term]) -> tuple[Array, Array]:
    """The summed variance and its degrees of freedom: Welch and Satterthwaite's."""
    variance: Any = sum(term.variance for term in terms)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = variance**2 / sum(term.variance**2 / term.freedom for term in terms)
    # SciPy's t has no infinite degrees of freedom; 1e8 are the normal distribution.
    return variance, np.nan_to_num(np.minimum(freedom, 1e8), nan=1e8)
