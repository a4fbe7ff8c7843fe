"""Results folders as earlier versions wrote them, under the names they used."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pandas
import pytest

from analysis.read.folder import read_search
from analysis.read.summary import TestRun
from analysis.report import report
from tests.analysis.searches import Page, write_csv

SUMMARY: dict[str, Any] = {
    "name": "one",
    "regime": "supcon",
    "data": "massive",
    "model": "bert-base-uncased",
    "encoder_is_papers": True,
    "comparable": True,
    "why_not": None,
    "epochs": 2,
    "states": {"COMPLETE": 2, "PRUNED": 1, "FAIL": 0},
    "seconds": 90.0,
    "paper_config_validation": 0.80,
    "best_trial": 1,
    "best_validation": 0.83,
    "winner_trial": 1,
    "choice_validation": 0.82,
    "confirmed": [0.81, 0.83],
    "confirmed_seeds": [1, 2],
    "test": [{"seed": 1, "accuracy": 0.79, "loss": 0.9, "paper_loss": 0.014}],
    "batch_size": 64,
    "test_size": 2974,
    "last_contrastive_loss": {"sum": 285.5, "mean": 1.586},
}
"""A summary.json from before each metric had one name."""
CURVES = {0: [0.70, 0.90, 0.80], 1: [0.60, 0.88, 0.83], 2: [0.86]}
"""Validation accuracies by trial: two contrastive epochs, then one of the classifier."""


def write_earlier(folder: Path) -> Path:
    """Two COMPLETE trials, and one that was pruned in its first stage.

    trials.csv has two accuracy columns, and its `best_accuracy` counts earlier stages.
    """
    folder.mkdir(parents=True)
    spec = {"trials": 3, "seed": 0} | {
        name: SUMMARY[name] for name in ("name", "regime", "data", "model", "epochs")
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    trials = [
        {
            "number": trial,
            "state": "COMPLETE" if len(curve) == 3 else "PRUNED",
            "validation_accuracy": curve[-1] if len(curve) == 3 else None,
            "best_accuracy": max(curve),
            "epochs": len(curve),
            "seconds": 3.0,
            "suggested": "batch_size",
            "config.batch_size": 64,
        }
        for trial, curve in CURVES.items()
    ]
    columns = ["number", "state", "reason", *list(trials[0])[2:]]
    write_csv(folder / "trials.csv", columns, trials)
    epochs: list[dict[str, Any]] = [
        {
            "trial": trial,
            "seed": 0,
            "kind": "search",
            "epoch": epoch,
            "stage": "contrastive" if epoch < 3 else "classifier",
            "validation_accuracy": accuracy,
            "best_accuracy": max(curve[:epoch]),
            "seconds": 1.0,
        }
        for trial, curve in CURVES.items()
        for epoch, accuracy in enumerate(curve, 1)
    ]
    epochs += [
        epochs[0] | {"trial": 1, "kind": "confirm", "seed": seed, "stage": "classifier"}
        for seed in SUMMARY["confirmed_seeds"]
    ]
    missing = ("train_loss", "train_accuracy", "validation_loss", "learning_rate")
    write_csv(folder / "epochs.csv", [*epochs[0], *missing], epochs)
    return folder


def test_a_summary_is_read_under_todays_names(tmp_path: Path) -> None:
    summary = read_search(write_earlier(tmp_path / "one")).summary
    assert summary.paper_config_validation_accuracy == 0.80
    assert summary.best_validation_accuracy == 0.83
    assert summary.choice_accuracy == 0.82
    assert summary.confirmed_accuracy == (0.81, 0.83)
    assert summary.test == (
        TestRun(test_accuracy=0.79, test_loss=0.9, test_loss_paper=0.014, seed=1),
    )
    assert summary.selected_on_reported_runs  # as in every version without that field


def test_two_accuracy_columns_become_one(tmp_path: Path) -> None:
    """A COMPLETE trial keeps its score; any other the best it had reached."""
    search = read_search(write_earlier(tmp_path / "one"))
    assert search.trials["best_validation_accuracy"].tolist() == [0.80, 0.83, 0.86]
    assert search.trials["final_stage_score"].fillna(-1).tolist() == [0.80, 0.83, -1]
    assert search.epochs["best_validation_accuracy"].tolist()[:3] == ["0.7", "0.9", "0.9"]
    for frame in (search.trials, search.epochs):
        assert "best_accuracy" not in frame
    assert "validation_accuracy" not in search.trials


def test_runs_that_chose_the_winner_are_choice_runs(tmp_path: Path) -> None:
    epochs = read_search(write_earlier(tmp_path / "one")).epochs
    seeds = epochs.groupby("kind")["seed"].unique().map(set).to_dict()
    assert seeds == {"search": {0}, "choice": {1, 2}}


def test_choice_runs_are_taken_from_the_epochs(tmp_path: Path) -> None:
    """Summaries did not have them."""
    assert "choice_runs" not in SUMMARY
    summary = read_search(write_earlier(tmp_path / "one")).summary
    assert summary.choice_runs == {"1": (0.7, 0.7)}


def test_the_report_of_an_earlier_folder_has_todays_names(tmp_path: Path) -> None:
    folder = write_earlier(tmp_path / "one")
    page = Page(report(folder).read_text())
    assert re.search(r"82.0 ± \d\.\d \(n=2, df=1\)", page.text)
    assert re.search(r"79.0 ± \d\.\d \(n=1, df=0\)", page.text)
    headers = {
        path.name: next(csv.reader(path.open(newline=""))) for path in folder.glob("report_*.csv")
    }
    assert "best_validation_accuracy" in headers["report_trials.csv"]
    old = {"best_accuracy", "score", "best_validation", "confirmed", "paper_loss", "accuracy"}
    for name in ("trials", "epochs", "comparison", "slices", "budget"):
        assert not old & set(headers[f"report_{name}.csv"])
    comparison = pandas.read_csv(folder / "report_comparison.csv").iloc[0]
    assert comparison["confirmed_accuracy_mean"] == pytest.approx(0.82)
    assert comparison["test_loss_paper"] == pytest.approx(0.014)


def test_an_earlier_summary_is_checked_too(tmp_path: Path) -> None:
    folder = write_earlier(tmp_path / "one")
    (folder / "summary.json").write_text(json.dumps(SUMMARY | {"confirmed": ["high"]}))
    with pytest.raises(ValueError, match="'confirmed_accuracy' is 'high'"):
        read_search(folder)
