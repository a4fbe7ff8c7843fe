"""Stages as spans of epochs."""

import pandas

from analysis.read.stages import later_stages, stages


def test_stages_are_spans_of_epochs() -> None:
    curve = pandas.DataFrame(
        {"epoch": [1, 2, 3, 4, 5], "stage": ["contrastive"] * 2 + ["classifier"] * 3}
    )
    assert stages(curve) == [("contrastive", 1, 2), ("classifier", 3, 5)]


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
    assert later_stages(trials, epochs) == {"classifier": "1 to 3"}
    assert later_stages(trials.head(1), epochs) == {"classifier": "1"}
    assert (
        later_stages(trials, epochs[epochs["stage"] == "contrastive"])
        == {}
        == later_stages(trials, epochs.head(0))
    )
