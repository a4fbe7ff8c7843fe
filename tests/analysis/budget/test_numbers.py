"""Expected best, pruning and cost: small cases, computed by hand."""

from itertools import product

import pandas
import pytest

from analysis.budget import numbers as budget
from tests.analysis.searches import (
    TRIALS,
    finished_trials,
)


@pytest.mark.parametrize("scores", [(0.2, 0.9, 0.4, 0.7), (0.5, 0.5, 0.5, 0.9), (0.3, 0.3), (0.6,)])
def test_expected_best_is_the_mean_over_all_draws(scores: tuple[float, ...]) -> None:
    found = budget.expected_best(finished_trials(*scores))
    assert list(found["trials"]) == list(range(1, len(scores) + 1))
    for n, expected, low, high in found.itertuples(index=False, name=None):
        best = pandas.Series([max(draw) for draw in product(scores, repeat=n)])
        assert expected == pytest.approx(best.mean(), abs=1e-7)
        assert [low, high] == list(
            best.quantile(budget.BAND_QUANTILES, interpolation="inverted_cdf")
        )


def test_expected_best_crosses_where_it_should() -> None:
    """One lucky trial of four beats a steady regime from three trials on."""
    lucky, steady = (
        budget.expected_best(finished_trials(0.5, 0.5, 0.5, 0.9)),
        budget.expected_best(finished_trials(0.7, 0.7, 0.7, 0.7)),
    )
    assert list(lucky["expected"] > steady["expected"]) == [False, False, True, True]


def test_expected_best_takes_what_each_trial_reached() -> None:
    """Stopped early: its best epoch; failed: nothing; running: left out."""
    trials = pandas.DataFrame(
        [*TRIALS, {"number": 4, "state": "RUNNING", "best_validation_accuracy": 0.99, "epochs": 2}]
    )
    trials = trials.assign(final_stage_accuracy=trials["best_validation_accuracy"])
    assert budget.expected_best(trials)["expected"].iloc[0] == pytest.approx(
        (0.85 + 0.4 + 0.9 + 0) / 4
    )
    assert budget.expected_best(trials.head(0)).empty


@pytest.mark.parametrize(
    "scores",
    [(0.0, 0.02, 0.9), (0.5,), (0.1, 0.1), tuple(0.01 * number**1.4 for number in range(25))],
)
def test_the_band_of_the_expected_best_lies_within_what_was_found(
    scores: tuple[float, ...],
) -> None:
    found = budget.expected_best(finished_trials(*scores))
    assert found[["expected", "low", "high"]].min(axis=None) >= min(scores) - 1e-9
    assert found[["expected", "low", "high"]].max(axis=None) <= max(scores) + 1e-9
    assert (found["low"] <= found["high"]).all()


def test_epochs_that_stopping_early_saved() -> None:
    """Two trials of 3 epochs and 6 s at full budget, one stopped after 1 epoch and 3 s."""
    trials = pandas.DataFrame(TRIALS).assign(seconds=[6.0, 3.0, 6.0, 9.0])
    assert budget.pruning_savings(trials) == (1, 3, 7, 9, pytest.approx(1 / 6))
    assert (
        budget.pruning_savings(trials[trials["state"] != "PRUNED"]) is None
        and budget.pruning_savings(trials[trials["state"] != "COMPLETE"]) is None
    )


def curves(*rows: list[float]) -> pandas.DataFrame:
    """The epochs of trials 0, 1, ..., by their accuracies."""
    return pandas.DataFrame(
        [
            {"trial": trial, "kind": "search", "epoch": epoch, "validation_accuracy": value}
            for trial, row in enumerate(rows)
            for epoch, value in enumerate(row, 1)
        ]
    )


def test_winners_that_stopping_may_have_lost() -> None:
    """Two trials at full budget gained 0.1 and 0.5 after epoch 1.

    Stopped there at 0.5, a trial would have come to 0.6 and 1.0.
    """
    trials = pandas.DataFrame(
        {
            "number": [0, 1, 2, 3],
            "state": ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"],
            "best_validation_accuracy": [0.8, 0.7, 0.5, 0.1],
            "epochs": [2, 2, 1, 1],
        }
    )
    epochs = curves([0.7, 0.8], [0.2, 0.7], [0.5], [0.1])
    assert budget.winners_pruned(trials, epochs) == 0.5
    assert budget.winners_pruned(trials[trials["state"] == "COMPLETE"], epochs) is None
    assert budget.winners_pruned(trials[trials["state"] == "PRUNED"], epochs) is None


def test_cost_adds_up() -> None:
    trials = pandas.DataFrame(TRIALS).assign(seconds=[1800.0, 900.0, 900.0, 0.0])
    found = budget.cost(trials, pandas.DataFrame({"seconds": [360.0, 360.0]}))
    assert found == {"trials": 4, "epochs": 7, "seconds": 3600, "confirmation_seconds": 720}


def test_confirmations_cost_what_passed_from_their_begin_to_their_end() -> None:
    """Two epochs of 1 s in a run of 30 s, which was building its model before; of an older run only
    its epochs are known."""
    rows = [
        (0, 1, 1.0, 100.0, 129.0),
        (0, 1, 1.0, 100.0, 130.0),
        (0, 2, 1.0, None, None),
        (0, 2, 1.0, None, None),
    ]
    found = pandas.DataFrame(rows, columns=["trial", "seed", "seconds", "began", "ended"])
    assert (
        budget.cost(pandas.DataFrame(TRIALS).assign(seconds=1.0), found)["confirmation_seconds"]
        == 30 + 2
    )
