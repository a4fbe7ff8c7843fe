"""What further trials are expected to bring, held against trials that are drawn and counted."""

from collections.abc import Callable, Sequence
from itertools import combinations
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.budget.outlook import (
    FURTHER_TRIALS,
    MIN_OUTLOOK_TRIALS,
    Ended,
    best_of,
    expected_gain,
    projected,
)

Draw = Callable[[np.random.Generator, int], np.ndarray]
DRAWN: dict[str, Draw] = {
    "normal": lambda random, n: random.normal(0.8, 0.05, n),
    "uniform": lambda random, n: random.uniform(0.5, 0.9, n),
    "near a ceiling": lambda random, n: 0.9 * random.beta(5, 1.2, n),
    "a third never learns": lambda random, n: np.where(
        random.random(n) < 1 / 3, 0.02, 0.9 - random.exponential(0.03, n)
    ),
}


def drawn_trials(scores: Sequence[float]) -> list[Ended]:
    """Trials that the sampler proposed and that ran to their end."""
    return [Ended({1: score}, score, given=False) for score in scores]


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
    drawn = DRAWN[shape](random, 20_000 * (number + FURTHER_TRIALS)).reshape(20_000, -1)
    brought = fmean(drawn.max(axis=1) - drawn[:, :number].max(axis=1))
    gains = [expected_gain(drawn_trials(trials[:number])) for trials in drawn[:1000]]
    expected = fmean(gain for gain in gains if gain is not None)
    assert expected == pytest.approx(brought, rel=0.25, abs=0.0005)


def test_few_trials_say_nothing_and_equal_ones_promise_nothing() -> None:
    few = drawn_trials([0.5] * (MIN_OUTLOOK_TRIALS - 1))
    assert expected_gain(few) is None
    assert expected_gain([*few, Ended({1: 0.5}, 0.5, given=True)]) is None
    assert expected_gain(drawn_trials([0.5] * MIN_OUTLOOK_TRIALS)) == pytest.approx(0.0)


@pytest.mark.parametrize("below", range(9))
def test_scores_with_ties_promise_neither_a_rounding_error_nor_more_than_all(below: int) -> None:
    drawn = drawn_trials([0.1] * below + [0.9] * (9 - below))
    with np.errstate(all="raise"):
        expected = expected_gain(drawn)
    assert expected is not None and 0.0 <= expected <= 0.1 + 1e-9


@pytest.mark.parametrize("number", [20, 50])
@pytest.mark.parametrize("shape", DRAWN)
def test_a_given_trial_that_is_ahead_leaves_less_to_gain(shape: str, number: int) -> None:
    """It is the gain over the best of all, which the drawn ones must first reach."""
    random = np.random.default_rng(0)
    trials = drawn_trials(DRAWN[shape](random, number).tolist())
    best = max(trial.final or 0.0 for trial in trials)
    gain = expected_gain(trials)
    assert gain is not None and gain > 0
    for lead in (0.0, gain / 2, gain, 2 * gain):
        given_trial = Ended({1: best + lead}, best + lead, given=True)
        assert expected_gain([given_trial, *trials]) == pytest.approx(max(0.0, gain - lead))


def test_a_pruned_trial_keeps_its_distance_to_the_best() -> None:
    """One that was ahead ends like it. A second stage, here epoch 11, has another classifier."""
    best = Ended({1: 0.6, 2: 0.5, 3: 0.8, 11: 0.95}, 0.9, given=True)
    worse, failed = Ended({1: 0.7}, 0.7, given=False), Ended({1: 0.97}, 0.0, given=False)
    curves = [{1: 0.4}, {1: 0.3, 2: 0.5}, {1: 0.65}, {1: 0.1, 2: 0.1, 3: 0.1, 4: 0.2}]
    pruned = [Ended(curve, None, given=False) for curve in curves]
    assert projected([worse, failed, *pruned, best]) == pytest.approx(
        [0.7, 0.0, 0.7, 0.8, 0.9, 0.3, 0.9]
    )


def test_without_a_completed_trial_nothing_is_expected() -> None:
    pruned, failed = Ended({1: 0.4}, None, given=False), Ended({1: 0.5}, 0.0, given=False)
    assert projected([pruned, failed]) == [0.4, 0.0]
    for trials in ([pruned], [failed], [pruned, failed]):
        assert expected_gain(trials * MIN_OUTLOOK_TRIALS) is None


@pytest.mark.parametrize("number", [20, 50])
def test_pruned_trials_promise_what_whole_ones_would(number: int) -> None:
    """Parallel curves: the projection is exact."""
    random = np.random.default_rng(0)
    scores = random.normal(0.8, 0.05, number)
    whole = [Ended({1: score - 0.2, 2: score}, score, given=False) for score in scores]
    best = max(whole, key=lambda trial: trial.final or 0.0)
    halved = [
        trial if trial is best else Ended({1: trial.curve[1]}, None, given=False) for trial in whole
    ]
    assert expected_gain(halved) == pytest.approx(expected_gain(whole))
