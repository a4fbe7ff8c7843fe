"""The race for the winner, held against running every candidate on as many seeds."""

from collections.abc import Iterator
from statistics import fmean

import numpy as np
import pytest

from search.race import NEGLIGIBLE_DIFFERENCE, Margin, Scores, affordable_runs, race

DEVIATION = 0.01
"""Of an accuracy over seeds."""


def standard_error(one: Scores, other: Scores) -> float:
    return float(DEVIATION * (1 / len(one) + 1 / len(other)) ** 0.5)


def always(margin: float) -> Margin:
    return lambda one, other: margin


def test_a_trial_that_chance_does_not_explain_leaves() -> None:
    scores = {4: [0.90], 7: [0.895], 2: [0.80]}
    standing = race(scores, standard_error, 9)
    assert standing.winner == 4 and standing.equal == (7,) and standing.next == (4, 7)
    assert race({4: [0.90], 2: [0.80]}, standard_error, 9).next == ()


def test_those_with_fewest_runs_run_on_as_far_as_there_are_runs() -> None:
    scores = {1: [0.90, 0.90], 2: [0.90, 0.89], 3: [0.89]}
    assert race(scores, always(0.05), 9).next == (3,)
    scores[3].append(0.90)
    assert race(scores, always(0.05), 2).next == (1, 2)
    assert race(scores, always(0.05), 0).next == ()


def test_trials_that_are_equal_for_practical_purposes_end_it() -> None:
    scores = {1: [0.900], 2: [0.899]}
    assert race(scores, always(NEGLIGIBLE_DIFFERENCE), 9).next == (1, 2)
    assert race(scores, always(NEGLIGIBLE_DIFFERENCE / 4), 9).next == ()
    assert race({5: [0.9]}, always(1.0), 9).next == ()


def test_of_equal_trials_the_first_wins() -> None:
    assert race({9: [0.9, 0.8], 3: [0.8, 0.9]}, always(0.0), 9).winner == 3


@pytest.mark.parametrize(("epochs", "runs"), [(500, 12), (120, 3), (6, 2), (50_000, 30)])
def test_a_quarter_of_the_epochs_is_spent(epochs: int, runs: int) -> None:
    assert affordable_runs(epochs, budget=10) == runs


def searches(count: int) -> Iterator[tuple[list[float], np.random.Generator]]:
    """The true accuracies of 50 trials each, with the noise of their seeds."""
    random = np.random.default_rng(0)
    for _ in range(count):
        yield list(random.normal(0.85, 0.02, 50)), random


def test_a_race_loses_little_to_all_seeds_for_all_at_half_the_runs() -> None:
    """Against five seeds for each of the best three: the mean loss in true accuracy."""
    runs, by_race, by_all = list[int](), list[float](), list[float]()
    for true, random in searches(1500):
        found = random.normal(true, DEVIATION)
        top = [int(trial) for trial in np.argsort(-found)[:3]]
        seeds = {t: [float(found[t]), *random.normal(true[t], DEVIATION, 15)] for t in top}
        taken, left = dict.fromkeys(top, 1), 15
        while True:
            standing = race({t: seeds[t][: taken[t]] for t in top}, standard_error, left)
            if not standing.next:
                break
            left -= len(standing.next)
            taken |= {trial: taken[trial] + 1 for trial in standing.next}
        runs.append(15 - left)
        by_race.append(max(true) - true[standing.winner])
        by_all.append(max(true) - true[max(top, key=lambda t: fmean(seeds[t][:6]))])
    assert np.mean(runs) < 15 / 2
    assert np.mean(by_race) - np.mean(by_all) < 0.0005
