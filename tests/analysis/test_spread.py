"""The spread over seeds: the slow definition, textbook intervals, and simulated searches."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t
from sklearn.metrics import f1_score

from analysis.holm import holm
from analysis.spread import (
    FREEDOMS,
    PRIOR_DEVIATION,
    PRIORS,
    Runs,
    Spread,
    effective_sentences,
    sampling_variance,
    sentence_variance,
)

SENTENCES = 480
PRIOR = PRIORS["validation"]
ACCURACIES = (0.84, 0.86, 0.88, 0.87)


def bootstrapped(counts: list[int], recall: float) -> tuple[float, float]:
    """Macro-F1 of a classifier on new sentences: the mean, and the standard deviation.

    It is right with probability `recall`, and else draws a label as often as it occurs.
    """
    generator, shares = np.random.default_rng(0), np.array(counts) / sum(counts)
    scores = []
    for _ in range(200):
        labels, drawn = generator.choice(len(counts), (2, sum(counts)), p=shares)
        predicted = np.where(generator.random(len(labels)) < recall, labels, drawn)
        scores.append(f1_score(labels, predicted, average="macro", zero_division=0))
    return float(np.mean(scores)), float(np.std(scores))


@pytest.mark.parametrize("recall", [0.5, 0.95])
@pytest.mark.parametrize("counts", [[50] * 10, [400, 100, 50, 20, 10], [900, *[10] * 9]])
def test_macro_f1_varies_over_sentences_as_its_effective_number_says(
    counts: list[int], recall: float
) -> None:
    """Within a third, where some labels are rare too: accuracy's number would be half as much."""
    mean, deviation = bootstrapped(counts, recall)
    labels = np.repeat(np.arange(len(counts)), counts)
    effective = effective_sentences(labels, "macro_f1")
    assert 0.85 < math.sqrt(sampling_variance(mean, effective)) / deviation < 1.4
    assert effective_sentences(labels, "accuracy") == len(labels)
    if len(set(counts)) > 1:
        assert math.sqrt(sampling_variance(mean, len(labels))) / deviation < 0.6
    else:
        assert effective == pytest.approx(len(labels))


def simulated(
    generator: np.random.Generator, dispersions: NDArray[np.float64], n: int
) -> list[Runs]:
    """A recipe for each dispersion, with n runs."""
    return [
        Runs(
            tuple(
                np.clip(
                    accuracy
                    + math.sqrt(dispersion * sampling_variance(accuracy, SENTENCES))
                    * generator.standard_normal(n),
                    0,
                    1,
                )
            ),
            SENTENCES,
        )
        for accuracy, dispersion in zip(ACCURACIES, dispersions)
    ]


def test_half_width_is_that_of_weighted_draws_from_the_model() -> None:
    """The slow definition: draw from the prior, weight by the likelihood of the runs."""
    recipes = [
        Runs((0.85, 0.862), SENTENCES),
        Runs((0.87, 0.876, 0.858), SENTENCES),
        Runs((0.80, 0.80), SENTENCES),
    ]
    generator, draws = np.random.default_rng(0), 1_000_000
    centre = PRIOR * np.exp(PRIOR_DEVIATION * generator.standard_normal(draws))
    freedom = generator.choice(FREEDOMS, draws)
    log, errors = np.zeros(draws), np.zeros(draws)
    for runs in recipes:
        squares, one_less = runs.squares, len(runs.values) - 1
        dispersion = centre * freedom / generator.chisquare(freedom)
        # The likelihood of the distances from the mean, whatever the recipe's own mean is.
        log += -one_less / 2 * np.log(dispersion) - squares / (2 * dispersion)
        if runs is recipes[1]:
            deviation = np.sqrt(dispersion * runs.unit / len(runs.values))
            errors = deviation * generator.standard_normal(draws)
    weights = np.exp(log - log.max())
    distance = np.abs(errors)
    order = np.argsort(distance)
    share = np.cumsum(weights[order]) / weights.sum()
    expected = distance[order][np.searchsorted(share, 0.95)]
    spread = Spread.of(recipes, PRIOR)
    assert spread.half_width(spread.of_mean(recipes[1])) == pytest.approx(expected, rel=0.02)


def test_many_runs_of_one_recipe_give_students_interval() -> None:
    values = 0.85 + 0.01 * np.random.default_rng(0).standard_normal(200)
    runs = Runs(tuple(values), SENTENCES)
    spread = Spread.of([runs], PRIOR)
    expected = t.ppf(0.975, 199) * values.std(ddof=1) / math.sqrt(200)
    assert spread.half_width(spread.of_mean(runs)) == pytest.approx(expected, rel=0.02)


def test_many_equal_recipes_give_the_interval_of_their_pooled_variance() -> None:
    generator = np.random.default_rng(0)
    recipes = [
        Runs(tuple(0.85 + 0.01 * generator.standard_normal(2)), SENTENCES) for _ in range(200)
    ]
    spread = Spread.of(recipes, PRIOR)
    pooled = np.mean([np.var(runs.values, ddof=1) for runs in recipes])
    expected = t.ppf(0.975, 200) * math.sqrt(pooled / 2)
    widths = [spread.half_width(spread.of_mean(runs)) for runs in recipes]
    assert np.mean(widths) == pytest.approx(expected, rel=0.03)
    assert spread.freedom == 200


def coverage(
    generator: np.random.Generator, n: int, *, prior: float, centre: float | None, unequal: bool
) -> float:
    """How often the intervals of four recipes, as one search leaves them, cover their means.

    The dispersion's centre is the given one, or varies over folders as the prior has it. Unequal
    dispersions are scaled inverse chi-squared with 4 degrees of freedom.
    """
    covered, cases = 0, 300
    for _ in range(cases):
        here = centre or prior * np.exp(PRIOR_DEVIATION * generator.standard_normal())
        varied = 4 / generator.chisquare(4, len(ACCURACIES))
        dispersions = here * (varied if unequal else np.ones(len(ACCURACIES)))
        recipes = simulated(generator, dispersions, n)
        spread = Spread.of(recipes, prior)
        covered += sum(
            spread.p_value(runs.mean - accuracy, spread.of_mean(runs)) >= 0.05
            for runs, accuracy in zip(recipes, ACCURACIES)
        )
    return covered / (cases * len(ACCURACIES))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("unequal", [False, True], ids=["equal", "unequal"])
def test_intervals_cover_the_mean_of_their_recipe(n: int, unequal: bool) -> None:
    """Nominal: 95 %, over folders whose spreads differ."""
    covered = coverage(
        np.random.default_rng(n), n, prior=PRIORS["test"], centre=None, unequal=unequal
    )
    assert 0.93 <= covered <= 0.97


def test_the_p_value_is_below_a_level_where_the_interval_excludes_0() -> None:
    runs = Runs((0.85, 0.86), SENTENCES)
    spread = Spread.of([runs], PRIOR)
    term = spread.of_mean(runs)
    for level in (0.5, 0.95, 0.999):
        width = spread.half_width(term, level=level)
        assert spread.p_value(width, term) == pytest.approx(1 - level, rel=1e-3)
        assert spread.p_value(-width, term) == pytest.approx(1 - level, rel=1e-3)


@pytest.mark.parametrize("n", [2, 3])
def test_of_equal_recipes_few_are_called_different(n: int) -> None:
    """At most 5 % of folders with four equal recipes have any pair that differs after Holm's
    correction, within two standard errors."""
    generator, cases = np.random.default_rng(n), 400
    called = 0
    for _ in range(cases):
        centre = PRIOR * np.exp(PRIOR_DEVIATION * generator.standard_normal())
        deviation = math.sqrt(centre * sampling_variance(0.86, SENTENCES))
        recipes = [
            Runs(tuple(0.86 + deviation * generator.standard_normal(n)), SENTENCES)
            for _ in range(4)
        ]
        spread = Spread.of(recipes, PRIOR)
        terms = [spread.of_mean(runs) for runs in recipes]
        p_values = [
            spread.p_value(recipes[one].mean - recipes[other].mean, terms[one], terms[other])
            for one in range(4)
            for other in range(one)
        ]
        called += min(holm(p_values)) < 0.05
    assert called / cases <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / cases)


def test_a_recipe_without_chance_has_no_spread_and_tells_nothing_about_others() -> None:
    same = Runs((0.8, 0.8, 0.8), SENTENCES, deterministic=True)
    other = Runs((0.85, 0.87), SENTENCES)
    spread, alone = Spread.of([same, other], PRIOR), Spread.of([other], PRIOR)
    assert spread.half_width(spread.of_mean(same)) == 0.0
    assert spread.half_width(spread.of_mean(other)) == alone.half_width(alone.of_mean(other))
    assert spread.freedom == 1
    assert spread.p_value(0.01, spread.of_mean(same)) == 0.0
    assert spread.p_value(0.0, spread.of_mean(same)) == pytest.approx(1.0)


def test_extreme_accuracies_have_intervals() -> None:
    for values in ((1.0, 1.0), (0.0, 0.0), (0.5, 0.5), (0.9,)):
        runs = Runs(values, 40)
        spread = Spread.of([runs], PRIOR)
        width = spread.half_width(spread.of_mean(runs))
        assert 0 < width < 0.5


def population(
    generator: np.random.Generator, chances: NDArray[np.float64], runs: int
) -> NDArray[np.bool_]:
    """Which of the sentences (N,), right with these chances, so many runs get right (runs, N)."""
    return generator.random((runs, len(chances))) < chances


def test_the_variance_over_sentences_leaves_out_what_differs_between_seeds() -> None:
    """Its mean over draws of sentences is Var(chances) / N, for one recipe and for a difference;
    not the variance of accuracies on new sentences and new seeds."""
    generator, cases = np.random.default_rng(0), 1000
    one, both = [], []
    for _ in range(cases):
        ours = generator.beta(2, 0.3, SENTENCES)
        theirs = np.clip(ours + 0.5 * generator.standard_normal(SENTENCES), 0, 1)
        mine, other = population(generator, ours, 3), population(generator, theirs, 2)
        one.append((sentence_variance(mine), ours.var()))
        both.append((sentence_variance(mine, other), (ours - theirs).var()))
    for pairs in (one, both):
        estimate, truth = np.mean(pairs, axis=0)
        assert SENTENCES * estimate == pytest.approx(truth, rel=0.05)


def test_intervals_on_new_sentences_cover_the_accuracy_on_all_sentences() -> None:
    generator, cases = np.random.default_rng(0), 700
    truth = 2 / 2.3
    covered = 0
    for _ in range(cases):
        bits = population(generator, generator.beta(2, 0.3, SENTENCES), 3)
        runs = Runs(tuple(bits.mean(axis=1)), SENTENCES)
        spread = Spread.of([runs], PRIORS["test"])
        terms = (spread.of_mean(runs), spread.known(sentence_variance(bits)))
        covered += spread.p_value(runs.mean - truth, *terms) >= 0.05
    assert 0.93 <= covered / cases <= 0.97


@pytest.mark.parametrize("centre", [None, 0.62])
def test_intervals_cover_where_runs_are_added_until_they_are_narrow(centre: float | None) -> None:
    """As report runs are, by `--report-seeds auto`. Looking several times costs no coverage."""
    generator, counts = np.random.default_rng(0), (4, 6, 8)
    covered, cases = 0, 1500
    for _ in range(cases):
        here = centre or PRIORS["test"] * np.exp(PRIOR_DEVIATION * generator.standard_normal())
        (all_runs,) = simulated(
            generator, np.array([here * 4 / generator.chisquare(4)]), counts[-1]
        )
        for count in counts:
            runs = Runs(all_runs.values[:count], SENTENCES)
            spread = Spread.of([runs], PRIORS["test"])
            term = spread.of_mean(runs)
            if spread.half_width(term) <= 0.015:
                break
        covered += spread.p_value(runs.mean - ACCURACIES[0], term) >= 0.05
    assert 0.93 <= covered / cases <= 0.97
