"""A search by macro-F1, on data with one large class: what it chooses by, and what it says."""

import json
import subprocess
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas
import pytest
import yaml
from optuna.trial import TrialState
from sklearn.metrics import accuracy_score, f1_score

from analysis.read.summary import Summary
from search.outputs.recipe import export
from search.run import main
from search.study import records
from search.study.study import read_study, trials
from search.tracking.store import EXPERIMENT, connect
from tests import tiny
from tests.processes import Inputs, run

pytestmark = pytest.mark.slow

LARGE, KEPT = "alarm_set", 6
"""The class that stays whole; of the others, every so manieth sentence is left."""
FLAGS = [
    *["--regime", "supcon", "--trials", "6", "--epochs", "3", "--metric", "macro_f1"],
    *["--fix", "classifier=gradient", "head_epochs=8", "head_learning_rate=0.01"],
    *["class_weights=balanced", "head_width=none"],
    *["--confirm", "2x1", "--report-seeds", "2", "--name", "rare"],
]
"""With these values, accuracy and macro-F1 disagree on the best epoch of several runs."""
KEYS = (records.CHOICE_RUNS, records.REPORT_RUNS)


def write_unbalanced(folder: Path) -> Path:
    """The toy corpus with one large class and three small ones."""
    folder.mkdir()
    for split, rows in tiny.split_rows().items():
        by_label = groupby(rows, key=lambda row: row[1])
        kept = [
            {"text": text, "label": label}
            for label, own in by_label
            for number, (text, _) in enumerate(own)
            if label == LARGE or number % KEPT == 0
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, kept)) + "\n")
    return folder


@dataclass(frozen=True)
class Rare:
    """A finished search by macro-F1."""

    inputs: Inputs
    done: subprocess.CompletedProcess[str]

    @property
    def folder(self) -> Path:
        return self.inputs.results / "rare"

    @property
    def summary(self) -> Summary:
        return Summary.from_dict(json.loads((self.folder / "summary.json").read_text()))


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Rare:
    folder = tmp_path_factory.mktemp("rare")
    inputs = Inputs(folder / "results", write_unbalanced(folder / "corpus"), model_folder)
    done = run("search.run", *FLAGS, *inputs.sources)
    assert done.returncode == 0, done.stderr
    return Rare(inputs, done)


def stages(epochs: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [list(own) for _, own in groupby(epochs, key=lambda epoch: epoch["stage"])]


def kept(epochs: list[dict[str, Any]], metric: str) -> dict[str, Any]:
    """The epoch whose weights a stage keeps by a metric: of equal ones the last."""
    return max(epochs, key=lambda epoch: (epoch[f"validation_{metric}"], epoch["epoch"]))


def test_trials_are_pruned_and_ranked_by_macro_f1_and_keep_its_best_epoch(rare: Rare) -> None:
    study = read_study(rare.folder)
    assert study.metric_names == ["best_validation_macro_f1"]
    every = [records.epochs(trial) for trial in trials(study)]
    every += [one for key in KEYS for seeds in key.read(study).values() for one in seeds.values()]
    other_epoch = 0
    for stage in (stage for curve in every for stage in stages(curve)):
        best = kept(stage, "macro_f1")
        names = "accuracy", "macro_f1"
        recorded = [stage[-1][f"best_validation_{name}"] for name in names]
        assert recorded == [best[f"validation_{name}"] for name in names]
        other_epoch += best is not kept(stage, "accuracy")
    assert other_epoch, "by accuracy, every stage would have kept the same epoch"
    for trial in trials(study):
        epochs = records.epochs(trial)
        assert trial.intermediate_values == {
            epoch["epoch"]: epoch["validation_macro_f1"] for epoch in epochs
        }
        if trial.state == TrialState.COMPLETE:
            assert trial.value == epochs[-1]["best_validation_macro_f1"]
    complete = [trial for trial in trials(study) if trial.state == TrialState.COMPLETE]
    best_trial = max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    assert rare.summary.best_trial == best_trial.number


def test_the_winner_has_the_macro_f1_of_its_predictions(rare: Rare) -> None:
    """Over the search and the choice runs, no candidate has a higher mean macro-F1."""
    summary, study = rare.summary, read_study(rare.folder)
    predictions = pandas.read_csv(rare.folder / "predictions.csv")
    for place, seed in enumerate(summary.confirmed_seeds):
        own = predictions[predictions["seed"] == seed]
        scored = f1_score(own["label"], own["predicted"], average="macro", zero_division=0)
        assert summary.confirmed_macro_f1[place] == pytest.approx(scored)
        assert summary.confirmed_accuracy[place] == pytest.approx(
            accuracy_score(own["label"], own["predicted"])
        )
    assert summary.confirmed_scores == summary.confirmed_macro_f1
    means = {
        number: ((study.trials[number].value or 0.0) + sum(runs)) / (1 + len(runs))
        for number, runs in ((int(name), own) for name, own in summary.choice_runs_macro_f1.items())
    }
    assert max(means.values()) == pytest.approx(summary.choice_macro_f1)
    assert means[summary.winner_trial or 0] == pytest.approx(summary.choice_macro_f1)


def test_everything_that_a_reader_sees_says_macro_f1(rare: Rare) -> None:
    out, summary = rare.done.stdout, rare.summary
    assert "by macro-F1, tpe" in out and "% macro-F1 on validation" in out
    header = next(line for line in out.splitlines() if "confirmed val" in line)
    assert "macro-F1" in header and "test macro-F1" in header and " accuracy" in header
    assert "test macro-F1" in (rare.folder / "table.md").read_text()
    report = (rare.folder / "report.md").read_text()
    mean = 100 * sum(summary.test_scores) / len(summary.test_scores)
    assert f"Macro-F1 on test: {mean:.1f}" in report and "Accuracy on" not in report
    assert "Trials are ranked by their best macro-F1 on validation" in report
    comparison = pandas.read_csv(rare.folder / "report_comparison.csv")
    assert comparison["test_macro_f1_mean"].iloc[0] == pytest.approx(mean / 100)
    assert comparison["test_accuracy"].iloc[0] == pytest.approx(
        sum(one.test_accuracy for one in summary.test) / len(summary.test)
    )
    assert not [name for name in comparison if "score" in str(name)]


def test_mlflow_has_both_scores_and_sorts_by_the_metric(rare: Rare) -> None:
    client = connect(rare.inputs.store, str(rare.inputs.results))
    experiment = client.get_experiment_by_name(EXPERIMENT)
    (parent,) = client.search_runs(
        [experiment.experiment_id], "tags.`regimen.kind` = 'search'", max_results=2
    )
    summary, metrics = rare.summary, parent.data.metrics
    assert parent.data.tags["regimen.metric"] == "macro_f1"
    assert metrics["best_validation_macro_f1"] == pytest.approx(summary.best_validation_macro_f1)
    assert metrics["best_validation_accuracy"] == pytest.approx(summary.best_validation_accuracy)
    for name in ("accuracy", "macro_f1"):
        confirmed = getattr(summary, f"confirmed_{name}")
        assert metrics[f"confirmed_{name}"] == pytest.approx(sum(confirmed) / len(confirmed))
    views = [name for name in experiment.tags if "sharedViewState.search-rare" in name]
    (view,) = (json.loads(experiment.tags[name]) for name in views)
    assert view["orderByKey"] == "metrics.`best_validation_macro_f1`"


def test_a_resumed_search_keeps_its_metric(rare: Rare, capsys: pytest.CaptureFixture[str]) -> None:
    results = str(rare.inputs.results)
    assert main(["--resume", "rare", "--results", results, "--metric", "accuracy"]) == 2
    error = capsys.readouterr().err.strip()
    assert "metric 'macro_f1'" in error and "got 'accuracy'" in error and "\n" not in error


@pytest.mark.soak
def test_final_training_keeps_the_best_seed_by_macro_f1(rare: Rare, tmp_path: Path) -> None:
    (tmp_path / "best.yaml").write_text(export(rare.folder, floor="none"))
    recipe = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert recipe["metric"] == "macro_f1"
    assert set(recipe["scores"]["confirmed_macro_f1"].values()) == set(
        rare.summary.confirmed_macro_f1
    )
    done = run(
        *("search.train", str(tmp_path / "best.yaml"), "--seeds", "2", "--soup"),
        *("--out", str(tmp_path / "model"), "--results", str(tmp_path / "results")),
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "model" / "scores.json").read_text())
    # The seeds are those of the search's report.
    assert record["summary"]["confirmed_macro_f1"] == list(rare.summary.confirmed_macro_f1)
    by_seed = dict(zip(rare.summary.confirmed_seeds, rare.summary.confirmed_macro_f1))
    assert by_seed[record["best_seed"]] == max(by_seed.values())
    assert record["combined"]["seeds_validation_macro_f1"] == list(by_seed.values())
    assert "| | macro-F1 per seed |" in (tmp_path / "model" / "README.md").read_text()
