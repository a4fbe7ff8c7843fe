"""How early trials can be judged."""

import pandas
import pytest

from analysis.budget.rungs import rung_correlations


def test_rungs_find_the_epoch_after_which_ranks_hold() -> None:
    """Six trials in reverse order at epoch 1 and in final order from epoch 2 on.

    Pruning at epoch 1 loses the best of all.
    """
    final = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    trials = pandas.DataFrame(
        {"number": range(6), "state": "COMPLETE", "best_validation_score": final}
    )
    rows = [
        {
            "trial": trial,
            "kind": "search",
            "epoch": epoch,
            "validation_score": 1 - score if epoch == 1 else score,
        }
        for trial, score in enumerate(final)
        for epoch in (1, 2, 3)
    ]
    table = rung_correlations(trials, pandas.DataFrame(rows)).set_index("epoch")
    assert table["correlation"].round(9).tolist() == [-1, 1, 1]
    assert table["lost"].round(9).tolist() == [0.4, 0, 0]
    longer = pandas.DataFrame(
        [*rows, {"trial": 5, "kind": "search", "epoch": 4, "validation_score": 0.4}]
    )
    assert rung_correlations(trials, longer)["epoch"].tolist() == [
        1,
        2,
        3,
    ]  # at epoch 4 there is nothing to rank trial 5 against
    with pytest.raises(ValueError, match="at least 3 completed trials"):
        rung_correlations(trials.head(2), pandas.DataFrame(rows))
