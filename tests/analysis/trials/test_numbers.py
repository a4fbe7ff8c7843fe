"""Curves and stages of a search's trials."""

import pandas

from analysis.trials import numbers as trial_numbers


def test_best_so_far_counts_completed_trials_in_order() -> None:
    trials = pandas.DataFrame(
        {
            "number": [4.0, 0.0, 1.0, 3.0],
            "state": ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"],
            "best_validation_accuracy": [0.7, 0.5, None, 0.4],
        }
    )
    result = trial_numbers.best_so_far(trials)
    assert result.to_dict("list") == {
        "number": [0, 3, 4],
        "best_validation_accuracy": [0.5, 0.4, 0.7],
        "best_so_far": [0.5, 0.5, 0.7],
    }


def test_learning_curves_leave_confirmations_out() -> None:
    trials = pandas.DataFrame({"number": [0.0, 1.0], "state": ["PRUNED", "COMPLETE"]})
    epochs = pandas.DataFrame(
        {
            "trial": [1.0, 1.0, 1.0, 0.0],
            "kind": ["search", "search", "confirm", "search"],
            "epoch": [2.0, 1.0, 1.0, 1.0],
            "validation_accuracy": [0.2, 0.1, 0.9, 0.3],
        }
    )
    result = trial_numbers.learning_curves(trials, epochs)
    assert result.to_dict("list") == {
        "trial": [0, 1, 1],
        "state": ["PRUNED", "COMPLETE", "COMPLETE"],
        "epoch": [1, 1, 2],
        "validation_accuracy": [0.3, 0.1, 0.2],
    }


def test_stages_are_spans_of_epochs() -> None:
    curve = pandas.DataFrame(
        {"epoch": [1, 2, 3, 4, 5], "stage": ["contrastive"] * 2 + ["classifier"] * 3}
    )
    assert trial_numbers.stages(curve) == [("contrastive", 1, 2), ("classifier", 3, 5)]


def test_stages_of_different_lengths_are_a_span() -> None:
    """One trial trains its classifier for one epoch, another for three; a pruned one is ignored."""
    lengths = {0: (2, 1), 1: (2, 3), 2: (1, 0)}
    trials = pandas.DataFrame({"number": [0, 1, 2], "state": ["COMPLETE", "COMPLETE", "PRUNED"]})
    rows = [
        {
            "trial": trial,
            "kind": "search",
            "epoch": epoch,
            "stage": "contrastive" if epoch <= first else "classifier",
        }
        for trial, (first, second) in lengths.items()
        for epoch in range(1, first + second + 1)
    ]
    epochs = pandas.DataFrame(rows)
    assert trial_numbers.later_stages(trials, epochs) == {"classifier": "1 to 3"}
    assert trial_numbers.later_stages(trials.head(1), epochs) == {"classifier": "1"}
    assert (
        trial_numbers.later_stages(trials, epochs[epochs["stage"] == "contrastive"])
        == {}
        == trial_numbers.later_stages(trials, epochs.head(0))
    )
