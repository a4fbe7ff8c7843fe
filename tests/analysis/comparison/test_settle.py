"""What would settle a comparison does settle it, as often as is said."""

import math
import re
from collections.abc import Iterable

import numpy as np
import pytest

from analysis.comparison.settle import (
    IN_MOST_CASES,
    MAX_SEEDS,
    at_least_text,
    more_seeds,
    needs,
    to_settle,
)
from analysis.evidence import POWER, Difference, Evidence
from analysis.spread import FREEDOMS, PRIOR_DEVIATION, PRIORS, sampling_variance
from tests.analysis.searches import read_summary

SENTENCES, MEAN, GAIN, PLANNED = 2000, 0.9, 0.004, 3


def compared(one: Iterable[float], other: Iterable[float]) -> Difference:
    first, second = (
        read_summary(regime, name=regime, confirmed_accuracy=list(own), validation_size=SENTENCES)
        for regime, own in (("llrd", one), ("supcon", other))
    )
    return Evidence([first, second]).difference(first, second, "validation")


def test_so_many_seeds_show_a_difference_as_often_as_they_promise() -> None:
    """Of recipes 0.4 points apart, with spreads as the prior expects them: from three runs that
    show just that difference, the number of seeds; then as many fresh runs."""
    random, shown = np.random.default_rng(0), []
    unit = sampling_variance(MEAN, SENTENCES)
    for _ in range(400):
        centre = PRIORS["validation"] * math.exp(PRIOR_DEVIATION * random.standard_normal())
        freedom = random.choice(FREEDOMS)
        deviations = np.sqrt(unit * centre * freedom / random.chisquare(freedom, 2))  # (2,)
        means = MEAN + np.array([GAIN, 0.0])
        noise = deviations[:, None] * random.standard_normal((2, PLANNED))
        noise -= noise.mean(axis=1, keepdims=True)
        seeds = compared(*(means[:, None] + noise)).seeds
        assert seeds is not None
        fresh = deviations[:, None] * random.standard_normal((2, min(seeds, MAX_SEEDS)))
        shown.append(compared(*(means[:, None] + fresh)).exceeds)
    error = 2 * math.sqrt(POWER * (1 - POWER) / len(shown))
    low, high = (int(number) / 100 for number in re.findall(r"\d+", IN_MOST_CASES))
    assert low - error <= np.mean(shown) <= high + error


def test_so_many_sentences_show_it_on_new_ones_if_seeds_vary_with_them_as_said() -> None:
    """The same difference on that many sentences, with both variances smaller by as much."""
    found = compared([0.904, 0.908], [0.900, 0.896])
    assert found.sentences is not None and not found.on_new_sentences
    shown = found.new_sentences * math.sqrt(SENTENCES / found.sentences)
    assert shown < found.value < 2 * shown


def difference(**changes: object) -> Difference:
    known = {"value": 0.01, "half_width": 0.02, "new_sentences": 0.03, "p_value": 0.3}
    more = {"p_value_new_sentences": 0.5, "seeds": 12, "sentences": 12_345, "paired": True}
    return Difference(**{**known, **more, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"half_width": 0.001, "new_sentences": 0.002}, ""),
        ({}, "about 12 report seeds would settle it"),
        (
            {"half_width": 0.001},
            "it takes at least 13,000 test sentences; more seeds do not help",
        ),
        ({"seeds": 1001}, "it takes at least 13,000 test sentences; more seeds do not help"),
        (
            {"value": 0.0, "seeds": None, "sentences": None},
            "there is no difference that more runs could confirm",
        ),
    ],
)
def test_what_a_difference_needs_in_a_few_words(changes: dict[str, float], said: str) -> None:
    assert needs(difference(**changes), "test") == said


def test_commands_name_both_searches_or_say_that_seeds_cannot_help() -> None:
    one, two = read_summary(name="one"), read_summary(name="the other", ending="TIME")
    helped = to_settle(difference(), "test", one, two, " --results runs")
    assert more_seeds(one, 12, " --results runs") in helped
    assert "--resume 'the other' --trials 4 --report-seeds 12 --results runs." in helped
    beyond = to_settle(difference(seeds=5000), "test", one, two)
    assert "--resume" not in beyond and "it is at most 3.0 points on these sentences" in beyond
    assert beyond.endswith("Only more sentences may show it: at least 13,000.")
    same = to_settle(difference(value=0.0, seeds=None, sentences=None), "test", one, two)
    assert same.endswith("it is at most 2.0 points on these sentences.")


@pytest.mark.parametrize(
    ("number", "said"),
    [(7, "at least 7"), (2_101, "at least 2,200"), (None, "no number"), (math.nan, "no number")],
)
def test_sentences_are_rounded_up(number: float | None, said: str) -> None:
    assert at_least_text(number) == said
