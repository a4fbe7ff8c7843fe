"""What further trials are expected to bring, held against trials that are drawn and counted."""

from collections.abc import Callable
from itertools import combinations
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.budget.outlook import MIN_OUTLOOK_TRIALS, MORE, best_of, expected_gain

Draw = Callable[[np.random.Generator, int], np.ndarray]
DRAWN: dict[str, Draw] = {
    "normal": lambda random, n: random.normal(0.8, 0.05, n),
    "uniform": lambda random, n: random.uniform(0.5, 0.9, n),
    "near a ceiling": lambda random, n: 0.9 * random.beta(5, 1.2, n),
    "a third never learns": lambda random, n: np.where(
        random.random(n) < 1 / 3, 0.02, 0.9 - random.exponential(0.03, n)
    ),
}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.data())
def test_the_best_of_some_is_the_mean_over_all_choices(
    values: list[float], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(values)))
    slow = fmean(max(chosen) for chosen in combinations(values, count))
    assert best_of(values, count) == pytest.approx(slow)


@pytest.mark.parametrize("number", [20, 50])
@pytest.mark.parametrize("shape", DRAWN)
def test_the_expected_gain_is_what_further_draws_bring(shape: str, number: int) -> None:
    """On average, within a quarter of it or a twentieth of a point."""
    random = np.random.default_rng(0)
    drawn = DRAWN[shape](random, 20_000 * (number + MORE)).reshape(20_000, -1)
    brought = fmean(drawn.max(axis=1) - drawn[:, :number].max(axis=1))
    gains = [expected_gain(list(trials[:number])) for trials in drawn[:1000]]
    expected = fmean(gain for gain in gains if gain is not None)
    assert expected == pytest.approx(brought, rel=0.25, abs=0.0005)


def test_few_trials_say_nothing_and_equal_ones_promise_nothing() -> None:
    assert expected_gain([0.5] * (MIN_OUTLOOK_TRIALS - 1)) is None
    assert expected_gain([0.5] * MIN_OUTLOOK_TRIALS) == pytest.approx(0.0)
