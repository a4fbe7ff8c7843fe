"""A search by cross-validation: from its plan to the trained model, interrupted and resumed."""

import json
from pathlib import Path

import pandas as pd
import pytest

from search import export
from search.study import study as studies
from search.study import winner_records
from search.study.winner_records import reported_runs
from tests import tiny
from tests.commands.test_resilience import RunningSearch, outcome
from tests.processes import Inputs, run

FLAGS = [
    *["--regime", "lp_ft", "--folds", "3", "--shots", "8", "--trials", "3", "--epochs", "3"],
    *["--sampler", "random", "--max-concurrent", "1", "--scheduler", "none"],
    *["--confirm", "1x1", "--report-seeds", "2"],
]
ROWS = 32
"""Eight of each of the four labels, drawn from train."""


@pytest.mark.slow
def test_a_cross_validated_search_ends_with_a_model_of_all_rows(
    inputs: Inputs, temporary: Path
) -> None:
    results = ["--results", str(inputs.results)]
    done = run("search.run", "--name", "whole", *FLAGS, *inputs.sources)
    assert done.returncode == 0, done.stderr
    whole = inputs.results / "whole"
    assert f"--folds 3: validation is the {ROWS} training rows" in done.stdout

    # What is called validation are all training rows.
    summary = json.loads((whole / "summary.json").read_text())
    predictions = pd.read_csv(whole / "predictions.csv")
    assert summary["validation_size"] == ROWS and set(predictions["row"]) == set(range(ROWS))
    right = predictions["label"] == predictions["predicted"]
    study = studies.read_study(whole)
    reported = reported_runs(study)
    for seed, epochs in reported.items():
        mean = right[predictions["seed"] == seed].mean()
        assert epochs[-1]["validation_accuracy"] == pytest.approx(mean)

    assert {floor["regime"] for floor in summary["floors"]} == {"majority", "tfidf", "probe"}
    assert all(floor["test_accuracy"] is not None for floor in summary["floors"])
    assert "validation" not in set(pd.read_csv(whole / "data_problems.csv")["split"])
    table = (whole / "table.md").read_text()
    assert "3 folds" in table and "maximum over epochs" not in table

    folder = inputs.results / "killed"
    search = RunningSearch(["--name", folder.name, *FLAGS, *inputs.sources], folder, temporary)
    search.wait_for_epochs(2).process.kill()
    search.process.communicate()
    RunningSearch(["--resume", folder.name, *results], folder, temporary).wait(0)
    assert outcome(folder) == outcome(whole)

    best, out = inputs.results / "best.yaml", inputs.results / "model"
    assert export.main(["whole", "--floor", "none", *results, "--out", str(best)]) == 0
    done = run("search.train", str(best), "--seeds", "1", "--out", str(out), *results)
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "scores.json").read_text())
    ((seed, trained),) = record["curves"].items()
    assert tiny.curve(trained) == tiny.curve(reported[int(seed)])
    # The model is that of the report run, and its thresholds are from held-out rows.
    tested = winner_records.test_scores(study)[int(seed)]
    assert record["summary"]["test"] == [tested | {"seed": int(seed)}]
    assert record["best_seed"] == 1000  # The first: no score is of its model.
    assert "of cross-validation with 3 folds" in (out / "README.md").read_text()
    done = run("search.train", str(best), "--seeds", "2", "--soup", "--out", f"{out}2", *results)
    assert done.returncode == 2 and "found with --folds 3" in done.stderr
