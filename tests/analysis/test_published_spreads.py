"""What our intervals make of spreads over seeds such as the published searches have."""

import math
from itertools import combinations

import numpy as np
import pytest

from analysis.evidence import SCORED_SPLITS, ScoredSplit, reported
from analysis.holm import LEVEL, holm
from analysis.published.record import read_published
from analysis.spread import PRIOR_DEVIATION, PRIORS, Runs, Spread, sampling_variance
from tests.processes import ROOT

SENTENCES, ACCURACIES = 480, (0.84, 0.86, 0.88, 0.87)
PUBLISHED = [published.summary for published in read_published(ROOT / "docs" / "results")]


def recipes(split: ScoredSplit) -> list[Runs]:
    """The published recipes that ran on several seeds."""
    pooled = []
    for summary in PUBLISHED:
        size = summary.test_size if split == "test" else summary.validation_size
        choice = summary.choice_run_scores.values() if split == "validation" else ()
        pooled += [Runs(runs, size or 0) for runs in (reported(summary, split), *choice)]
    return [runs for runs in pooled if runs.freedom]


def dispersions(split: ScoredSplit) -> list[float]:
    """Their variances over seeds, relative to the sampling variance."""
    return [runs.squares / runs.freedom for runs in recipes(split)]


def simulated(
    generator: np.random.Generator, split: ScoredSplit, n: int, accuracies: tuple[float, ...]
) -> list[Runs]:
    """A recipe for each accuracy with n runs, whose dispersion is that of a published recipe."""
    drawn = generator.choice(dispersions(split), len(accuracies))
    recipes = []
    for accuracy, dispersion in zip(accuracies, drawn):
        deviation = math.sqrt(dispersion * sampling_variance(accuracy, SENTENCES))
        recipes.append(Runs(tuple(accuracy + deviation * generator.standard_normal(n)), SENTENCES))
    return recipes


@pytest.mark.parametrize("split", SCORED_SPLITS)
def test_the_prior_allows_for_the_published_spreads(split: ScoredSplit) -> None:
    """Learned from all of them, the centre is within the prior's deviation of the prior."""
    spread = Spread.of(recipes(split), PRIORS[split])
    assert spread.freedom >= 30
    centre = float(spread.weights @ np.log(spread.centres))
    assert abs(centre - math.log(PRIORS[split])) < PRIOR_DEVIATION


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("split", SCORED_SPLITS)
def test_intervals_cover_the_mean_of_their_recipe(split: ScoredSplit, n: int) -> None:
    """In 93 to 97 %, within two standard errors of that many cases (0.4 %). Four recipes, as one
    search leaves them; each has a spread of its own."""
    generator, cases, covered = np.random.default_rng(n), 2000, 0
    for _ in range(cases):
        own = simulated(generator, split, n, ACCURACIES)
        spread = Spread.of(own, PRIORS[split])
        covered += sum(
            spread.p_value(runs.mean - accuracy, spread.of_mean(runs)) >= LEVEL
            for runs, accuracy in zip(own, ACCURACIES)
        )
    draws = cases * len(ACCURACIES)
    error = 2 * math.sqrt(0.97 * 0.03 / draws)
    assert 0.93 - error <= covered / draws <= 0.97 + error


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("split", SCORED_SPLITS)
def test_of_equal_recipes_few_are_called_different(split: ScoredSplit, n: int) -> None:
    """At most 5 % of folders with four recipes of one accuracy have any pair that differs, within
    two standard errors. Dispersions estimated from few runs differ by more than the true ones."""
    generator, cases, called = np.random.default_rng(n), 2000, 0
    for _ in range(cases):
        own = simulated(generator, split, n, (0.86,) * 4)
        spread = Spread.of(own, PRIORS[split])
        p_values = [
            spread.p_value(one.mean - other.mean, spread.of_mean(one), spread.of_mean(other))
            for one, other in combinations(own, 2)
        ]
        called += min(holm(p_values)) < LEVEL
    assert called / cases <= LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / cases)
