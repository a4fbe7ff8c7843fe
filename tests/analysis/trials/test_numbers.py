"""Curves and stages of a search's trials."""

import pandas

from analysis.trials import numbers as trial_numbers


def test_best_so_far_counts_completed_trials_in_order() -> None:
    trials = pandas.DataFrame(
        {
            "number": [4.0, 0.0, 1.0, 3.0],
            "state": ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"],
            "best_validation_score": [0.7, 0.5, None, 0.4],
        }
    )
    result = trial_numbers.best_so_far(trials)
    assert result.to_dict("list") == {
        "number": [0, 3, 4],
        "best_validation_score": [0.5, 0.4, 0.7],
        "best_so_far": [0.5, 0.5, 0.7],
    }


def test_learning_curves_leave_choice_runs_out() -> None:
    trials = pandas.DataFrame({"number": [0.0, 1.0], "state": ["PRUNED", "COMPLETE"]})
    epochs = pandas.DataFrame(
        {
            "trial": [1.0, 1.0, 1.0, 0.0],
            "kind": ["search", "search", "choice", "search"],
            "epoch": [2.0, 1.0, 1.0, 1.0],
            "validation_score": [0.2, 0.1, 0.9, 0.3],
        }
    )
    result = trial_numbers.learning_curves(trials, epochs)
    assert result.to_dict("list") == {
        "trial": [0, 1, 1],
        "state": ["PRUNED", "COMPLETE", "COMPLETE"],
        "epoch": [1, 1, 2],
        "validation_score": [0.3, 0.1, 0.2],
    }
