"""Holm's correction and the interval on new sentences, against statsmodels."""

import numpy as np
import pandas
import pytest
from numpy.typing import NDArray
from statsmodels.formula.api import mixedlm, ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from analysis.evidence import Evidence
from analysis.holm import LEVEL, holm
from analysis.spread import sentence_variance
from tests.analysis.searches import read_summary, reported_bits

Bits = NDArray[np.bool_]


@pytest.mark.parametrize("count", [1, 2, 6, 28, 91])
def test_holms_correction_also_with_ties(count: int) -> None:
    random = np.random.default_rng(count)
    for digits in (16, 2, 1):
        p_values = np.round(random.random(count) ** 3, digits)
        different, adjusted, *_ = multipletests(p_values, LEVEL, "holm")
        assert holm(list(p_values)) == pytest.approx(list(adjusted), abs=1e-12)
        if digits == 16:  # At the level itself, statsmodels calls a pair different.
            assert [value < LEVEL for value in holm(list(p_values))] == list(different)


def drawn(seeds: int, sentences: int, seed: int) -> Bits:
    """Runs (R, N) with sentences of all degrees of difficulty, and seeds that differ a little."""
    random = np.random.default_rng(seed)
    ease = random.normal(1.5, 2.0, sentences) + random.normal(0.0, 0.2, seeds)[:, None]
    drawn: Bits = random.random((seeds, sentences)) < 1 / (1 + np.exp(-ease))
    return drawn


def long(values: NDArray[np.float64]) -> pandas.DataFrame:
    """A row per seed and sentence."""
    seeds, sentences = np.indices(values.shape)
    columns = {"seed": seeds.ravel(), "sentence": sentences.ravel(), "value": values.ravel()}
    return pandas.DataFrame(columns)


def by_anova(values: NDArray[np.float64]) -> dict[str, float]:
    """The variance components of runs (R, N) by the mean squares of a two-way ANOVA."""
    table = anova_lm(ols("value ~ C(seed) + C(sentence)", long(values)).fit())
    squares, (seeds, sentences) = table["mean_sq"], values.shape
    rest = float(squares["Residual"])
    return {
        "seed": (float(squares["C(seed)"]) - rest) / sentences,
        "sentence": (float(squares["C(sentence)"]) - rest) / seeds,
        "rest": rest,
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_part_of_the_sentences_is_that_of_a_two_way_anova(seed: int) -> None:
    """Of one recipe, and of the difference of two: what differs between seeds is not in it."""
    one, other = drawn(4, 60, seed), drawn(4, 60, seed + 10)
    found = by_anova(one.astype(float))
    # The seeds' own component is counted among the flips of a sentence: a part of 1 / (R N).
    expected = (found["sentence"] - found["seed"] / 4) / 60
    assert sentence_variance(one) == pytest.approx(expected, rel=1e-6)
    assert sentence_variance(one) == pytest.approx(found["sentence"] / 60, rel=0.05)
    paired = by_anova(one.astype(float) - other.astype(float))
    assert sentence_variance(one, other) == pytest.approx(paired["sentence"] / 60, rel=0.1)


def test_a_mixed_model_by_restricted_likelihood_has_the_same_components() -> None:
    """Crossed random effects of seeds and sentences; in balanced data they are the ANOVA's."""
    bits = drawn(4, 40, seed=1)
    formulas = {"seed": "0 + C(seed)", "sentence": "0 + C(sentence)"}
    data = long(bits.astype(float)).assign(all=1)
    model = mixedlm("value ~ 1", data, groups="all", vc_formula=formulas, re_formula="0")
    fitted = model.fit(reml=True, method="powell")
    components = dict(zip(model.exog_vc.names, fitted.vcomp))
    found = by_anova(bits.astype(float))
    assert components["sentence"] == pytest.approx(found["sentence"], rel=0.05)
    assert sentence_variance(bits) == pytest.approx(components["sentence"] / 40, rel=0.1)


def test_the_interval_on_new_sentences_is_that_of_the_variance_components() -> None:
    """With many recipes the spread over seeds is known, and both parts are the ANOVA's."""
    sentences, seeds = 80, 4
    runs = {f"recipe {number}": drawn(seeds, sentences, number) for number in range(8)}
    searches = {
        name: read_summary(
            name=name,
            regime=name,
            confirmed_accuracy=bits.mean(axis=1).tolist(),
            validation_size=sentences,
            test=[],
        )
        for name, bits in runs.items()
    }
    evidence = Evidence(
        searches.values(), {name: reported_bits(validation=bits) for name, bits in runs.items()}
    )
    components = [by_anova(bits.astype(float)) for bits in runs.values()]
    over_seeds = np.mean([max(0.0, one["seed"]) + one["rest"] / sentences for one in components])
    for (name, summary), one in zip(searches.items(), components):
        variance = over_seeds / seeds + one["sentence"] / sentences
        found = evidence.mean(summary, "validation").new_sentences
        assert found == pytest.approx(1.96 * np.sqrt(variance), rel=0.2), name
