"""The accuracy that trials are ranked by."""

from pathlib import Path

import pandas
import pytest

from analysis import report
from tests.analysis.searches import (
    EPOCH_FIELDS,
    Page,
    summary,
    write_csv,
    write_search,
)


def two_stages(folder: Path) -> Path:
    """Write a search of a two-stage regime, whose first stage is evaluated with a ridge classifier.

    Two completed trials reach 0.90 and 0.88 in their first stage and end at 0.80 and 0.83. One is
    pruned in its first stage at 0.86, one fails there at 0.89, and one fails in its final stage at
    0.5.
    """
    curves = {
        0: [0.7, 0.90, 0.6, 0.80],
        1: [0.6, 0.88, 0.83, 0.81],
        2: [0.86],
        3: [0.89],
        4: [0.2, 0.3, 0.5],
    }
    states = ["COMPLETE", "COMPLETE", "PRUNED", "FAIL", "FAIL"]
    final = [0.80, 0.83, None, None, None]
    trials = [
        {
            "number": number,
            "state": states[number],
            "best_validation_accuracy": final[number] or max(curve),
            "epochs": len(curve),
            "suggested": "batch_size",
        }
        for number, curve in curves.items()
    ]
    write_search(
        folder,
        trials,
        summary("supcon", best_trial=1, winner_trial=1, best_validation_accuracy=0.83),
        regime="supcon",
        epochs=2,
    )
    rows = [
        {
            "trial": number,
            "seed": 0,
            "kind": "search",
            "epoch": epoch,
            "stage": "contrastive" if epoch < 3 else "classifier",
            "validation_accuracy": accuracy,
            "seconds": 1.0,
        }
        for number, curve in curves.items()
        for epoch, accuracy in enumerate(curve, 1)
    ]
    write_csv(folder / "epochs.csv", EPOCH_FIELDS.split(), rows)
    (folder / "space.json").write_text('{"batch_size": {"low": 8, "high": 32, "log": true}}')
    return folder


def test_a_first_stages_accuracy_is_not_ranked(tmp_path: Path) -> None:
    """Figures show the final stage's accuracy only.

    A trial pruned before it counts with the lowest one, a failed one with 0, and the expected best
    is never above the best.
    """
    folder = two_stages(tmp_path / "one")
    page = Page(report.report(folder).read_text())
    assert pandas.read_csv(folder / "report_trials.csv")["final_stage_accuracy"].fillna(
        -1
    ).tolist() == [
        0.80,
        0.83,
        -1,
        -1,
        0.5,
    ]
    result = pandas.read_csv(folder / "report_budget.csv")
    assert result["expected"].iloc[0] == pytest.approx((0.80 + 0.83 + 0.80 + 0 + 0) / 5)
    assert result[["expected", "low", "high"]].max(axis=None) == 0.83
    assert pandas.read_csv(folder / "report_slices.csv")["final_stage_accuracy"].fillna(
        -1
    ).tolist() == [
        0.80,
        0.83,
        -1,
    ]
    assert "Ticks at the bottom are trials pruned before" in page.text
    assert "Not drawn yet: slices from 8" in page.text
