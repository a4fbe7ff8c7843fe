"""Expected best, pruning and cost: small cases, computed by hand."""

from itertools import combinations

import numpy as np
import pandas
import pytest

from analysis.budget import numbers as budget
from tests.analysis.searches import (
    TRIALS,
    finished_trials,
)


@pytest.mark.parametrize("scores", [(0.2, 0.9, 0.4, 0.7), (0.5, 0.5, 0.5, 0.9), (0.3, 0.3), (0.6,)])
def test_expected_best_is_the_mean_over_all_choices(scores: tuple[float, ...]) -> None:
    result = budget.expected_best(finished_trials(*scores))
    assert list(result["trials"]) == list(range(1, len(scores) + 1))
    for n, expected, low, high in result.itertuples(index=False, name=None):
        best = pandas.Series([max(draw) for draw in combinations(scores, n)])
        assert expected == pytest.approx(best.mean(), abs=1e-7)
        assert [low, high] == list(np.quantile(best, budget.BAND_QUANTILES, method="inverted_cdf"))
    assert result["expected"].iloc[-1] == pytest.approx(max(scores))  # never less than was found


def test_expected_best_crosses_where_it_should() -> None:
    """One lucky trial of four beats a constant regime from three trials on."""
    lucky, steady = (
        budget.expected_best(finished_trials(0.5, 0.5, 0.5, 0.9)),
        budget.expected_best(finished_trials(0.7, 0.7, 0.7, 0.7)),
    )
    assert list(lucky["expected"] > steady["expected"]) == [False, False, True, True]


def test_expected_best_counts_pruned_and_failed_trials() -> None:
    """A pruned trial counts with its best epoch, a failed one with 0, a running one not at all."""
    trials = pandas.DataFrame(
        [*TRIALS, {"number": 4, "state": "RUNNING", "best_validation_accuracy": 0.99, "epochs": 2}]
    )
    trials = trials.assign(final_stage_score=trials["best_validation_accuracy"])
    assert budget.expected_best(trials)["expected"].iloc[0] == pytest.approx(
        (0.85 + 0.4 + 0.9 + 0) / 4
    )
    assert budget.expected_best(trials.head(0)).empty
    later = trials.assign(
        final_stage_score=trials["final_stage_score"].where(trials["number"] != 3, 0.8)
    )
    assert set(later.loc[later["number"] == 3, "state"]) == {"FAIL"}  # after an epoch
    assert budget.expected_best(later).equals(budget.expected_best(trials))


@pytest.mark.parametrize(
    "scores",
    [(0.0, 0.02, 0.9), (0.5,), (0.1, 0.1), tuple(0.01 * number**1.4 for number in range(25))],
)
def test_expected_best_and_its_band_lie_within_the_accuracies(
    scores: tuple[float, ...],
) -> None:
    result = budget.expected_best(finished_trials(*scores))
    drawn = result[["expected", "low", "high"]].to_numpy()
    assert drawn.min() >= min(scores) - 1e-9 and drawn.max() <= max(scores) + 1e-9
    assert (result["low"] <= result["high"]).all()


def test_what_pruning_saved() -> None:
    """Two completed trials of 3 epochs and 6 s, one pruned after 1 epoch and 3 s."""
    trials = pandas.DataFrame(TRIALS).assign(seconds=[6.0, 3.0, 6.0, 9.0])
    assert budget.pruning_savings(trials) == (1, 3, 7, 9, pytest.approx(1 / 6))
    assert (
        budget.pruning_savings(trials[trials["state"] != "PRUNED"]) is None
        and budget.pruning_savings(trials[trials["state"] != "COMPLETE"]) is None
    )


def curves(*rows: list[float]) -> pandas.DataFrame:
    """The epochs of trials 0, 1, ..., given their accuracies."""
    return pandas.DataFrame(
        [
            {"trial": trial, "kind": "search", "epoch": epoch, "validation_score": value}
            for trial, row in enumerate(rows)
            for epoch, value in enumerate(row, 1)
        ]
    )


def test_winners_that_pruning_may_have_lost() -> None:
    """Two completed trials gained 0.1 and 0.5 after epoch 1.

    With these gains, a trial pruned there at 0.5 would have reached 0.6 and 1.0.
    """
    trials = pandas.DataFrame(
        {
            "number": [0, 1, 2, 3],
            "state": ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"],
            "best_validation_score": [0.8, 0.7, 0.5, 0.1],
            "epochs": [2, 2, 1, 1],
        }
    )
    epochs = curves([0.7, 0.8], [0.2, 0.7], [0.5], [0.1])
    assert budget.winners_pruned(trials, epochs) == 0.5
    # One that stopped early, before others were pruned, gained nothing from then on.
    stopped = curves([0.8], [0.1, 0.2, 0.7], [0.4, 0.5], [0.1, 0.1])
    later = trials.assign(epochs=[1, 3, 2, 2])
    assert budget.winners_pruned(later, stopped) == 0.5
    assert budget.winners_pruned(trials[trials["state"] == "COMPLETE"], epochs) is None
    assert budget.winners_pruned(trials[trials["state"] == "PRUNED"], epochs) is None


def test_cost_adds_up() -> None:
    trials = pandas.DataFrame(TRIALS).assign(seconds=[1800.0, 900.0, 900.0, 0.0])
    result = budget.cost(trials, pandas.DataFrame({"seconds": [360.0, 360.0]}))
    assert result == {"trials": 4, "epochs": 7, "seconds": 3600, "other_seconds": 720}


def test_choice_and_report_runs_cost_their_elapsed_time() -> None:
    """A run of 30 s spends time on more than its two epochs of 1 s.

    Of a run by an earlier version, only its epochs are known.
    """
    rows = [
        (0, 1, 1.0, 100.0, 129.0),
        (0, 1, 1.0, 100.0, 130.0),
        (0, 2, 1.0, None, None),
        (0, 2, 1.0, None, None),
    ]
    result = pandas.DataFrame(rows, columns=["trial", "seed", "seconds", "began", "ended"])
    assert (
        budget.cost(pandas.DataFrame(TRIALS).assign(seconds=1.0), result)["other_seconds"] == 30 + 2
    )
