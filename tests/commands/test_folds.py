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


@pytest.fixture(scope="module")
def whole(inputs: Inputs) -> Path:
    """The folder of a search that ran to its end."""
    done = run("search.run", "--name", "whole", *FLAGS, *inputs.sources)
    assert done.returncode == 0, done.stderr
    assert f"--folds 3: validation is the {ROWS} training rows" in done.stdout
    return inputs.results / "whole"


@pytest.mark.slow
def test_what_is_called_validation_are_all_training_rows(whole: Path) -> None:
    summary = json.loads((whole / "summary.json").read_text())
    predictions = pd.read_csv(whole / "predictions.csv")
    assert summary["validation_size"] == ROWS and set(predictions["row"]) == set(range(ROWS))
    right = predictions["label"] == predictions["predicted"]
    for seed, epochs in reported_runs(studies.read_study(whole)).items():
        mean = right[predictions["seed"] == seed].mean()
        assert epochs[-1]["validation_accuracy"] == pytest.approx(mean)
    assert {floor["regime"] for floor in summary["floors"]} == {"majority", "tfidf", "probe"}
    assert all(floor["test_accuracy"] is not None for floor in summary["floors"])
    assert "validation" not in set(pd.read_csv(whole / "data_problems.csv")["split"])
    table = (whole / "table.md").read_text()
    assert "3 folds" in table and "maximum over epochs" not in table


@pytest.mark.slow
def test_final_training_writes_the_reported_model_of_all_rows(whole: Path, inputs: Inputs) -> None:
    results = ["--results", str(inputs.results)]
    best, out = inputs.results / "best.yaml", inputs.results / "model"
    assert export.main(["whole", "--floor", "none", *results, "--out", str(best)]) == 0
    done = run("search.train", str(best), "--seeds", "1", "--out", str(out), *results)
    assert done.returncode == 0, done.stderr
    record, study = json.loads((out / "scores.json").read_text()), studies.read_study(whole)
    assert record["best_seed"] == 1000  # The first: no score is of its model.
    assert tiny.curve(record["curves"]["1000"]) == tiny.curve(reported_runs(study)[1000])
    tested = winner_records.test_scores(study)[1000]
    assert record["summary"]["test"] == [tested | {"seed": 1000}]
    assert "of cross-validation with 3 folds" in (out / "README.md").read_text()
    done = run("search.train", str(best), "--seeds", "2", "--soup", "--out", f"{out}2", *results)
    assert done.returncode == 2 and "found with --folds 3" in done.stderr


@pytest.mark.soak
def test_a_killed_search_ends_as_one_that_was_not(
    whole: Path, inputs: Inputs, temporary: Path
) -> None:
    folder = inputs.results / "killed"
    search = RunningSearch(["--name", folder.name, *FLAGS, *inputs.sources], folder, temporary)
    search.wait_for_epochs(2).process.kill()
    search.process.communicate()
    results = ["--results", str(inputs.results)]
    RunningSearch(["--resume", folder.name, *results], folder, temporary).wait(0)
    assert outcome(folder) == outcome(whole)
