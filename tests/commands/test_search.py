"""`search.run` as a user runs it: what a finished search prints, records and logs."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas
import psutil
import pytest
import torch
from mlflow.entities import Run

import trainables
from analysis import paper, report
from analysis.read.correct import from_hex, read_correct
from analysis.read.summary import Summary
from search.outputs.recipe import read_recipe
from search.study import records
from search.study import study as studies
from search.tracking import store
from search.tracking.views import search_key
from search.trials.floors import REGIMES as FLOORS
from search.worker_reports import CPU_PERCENT, GPU_MEMORY_MB, MEMORY_MB
from tests import tiny
from tests.attributes import attributes
from tests.mlflow_server import MlflowServer
from tests.processes import (
    EPOCHS,
    ROOT,
    TRIALS,
    Inputs,
    Searched,
    copy_code,
    run,
    search_folders,
)

pytestmark = pytest.mark.slow
TEST_NAMES = {"test_accuracy", "test_macro_f1", "test_loss", "test_loss_paper"}


def runs_of(client: mlflow.MlflowClient, search: str) -> list[Run]:
    """The runs of a search in MLflow."""
    experiment = client.get_experiment_by_name(store.EXPERIMENT).experiment_id
    return list(client.search_runs([experiment], f"tags.`regimen.search` = '{search}'"))


@pytest.fixture(scope="module")
def client(searched: Searched) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=searched.store)


# What a finished search leaves


def test_a_search_ends_with_its_table_and_the_next_commands(searched: Searched) -> None:
    assert "confirmed val" in searched.out and "(n=3, df=" in searched.out
    assert "paper" not in searched.out and "trial 0 val" not in searched.out
    identity = records.identity(studies.read_study(searched.folder))
    assert f"/runs?viewStateShareKey={search_key('tiny', str(identity))}" in searched.out
    for command in ("mlflow ui", "search.export tiny", "search.train"):
        assert command in searched.out
    assert "Traceback" not in searched.out and "ray" not in searched.out.lower()


def test_the_study_has_every_trial_in_its_true_state(searched: Searched) -> None:
    trials = studies.trials(studies.read_study(searched.folder))
    configs = [records.CONFIG.read(trial) for trial in trials]
    assert len(trials) == TRIALS
    assert configs[0] == trainables.load("llrd_warmup").Config().to_dict()
    assert len({json.dumps(config, sort_keys=True) for config in configs}) == TRIALS
    for trial in trials:
        epochs = records.epochs(trial)
        assert [epoch["epoch"] for epoch in epochs] == list(range(1, len(epochs) + 1))
        if trial.state.name == "COMPLETE":
            assert len(epochs) == EPOCHS
            assert trial.value == max(epoch["validation_accuracy"] for epoch in epochs)
        else:
            assert trial.state.name == "PRUNED" and len(epochs) < EPOCHS


def test_mlflow_has_a_run_for_every_trial_with_its_epochs_and_state(
    searched: Searched, client: mlflow.MlflowClient
) -> None:
    runs = runs_of(client, "tiny")
    (parent,) = [run for run in runs if run.data.tags["regimen.kind"] == "search"]
    children = {
        int(run.data.tags["regimen.trial"]): run
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
        and run.data.tags["regimen.kind"] == "trial"
    }
    trials = studies.trials(studies.read_study(searched.folder))
    assert sorted(children) == [trial.number for trial in trials]
    statuses = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
    expected_tags = {"data_fingerprint", "model_fingerprint", "git_commit", "version.torch"}
    for trial in trials:
        child = children[trial.number]
        assert child.info.status == statuses[trial.state.name]
        history = client.get_metric_history(child.info.run_id, "validation_accuracy")
        logged = [metric.value for metric in sorted(history, key=lambda metric: metric.step)]
        assert logged == [epoch["validation_accuracy"] for epoch in records.epochs(trial)]
        rate = records.CONFIG.read(trial)["learning_rate"]
        assert child.data.params["learning_rate"] == str(rate)
        assert expected_tags <= set(child.data.tags)
    assert not [run for run in runs if run.info.status == "RUNNING"]


def test_mlflow_has_the_data_set_and_the_files_of_the_search(
    searched: Searched, client: mlflow.MlflowClient
) -> None:
    (parent,) = [
        run for run in runs_of(client, "tiny") if run.data.tags["regimen.kind"] == "search"
    ]
    (used,) = parent.inputs.dataset_inputs
    assert used.dataset.digest == parent.data.tags["data_fingerprint"]
    assert "174 train, 57 validation, 57 test" in used.dataset.profile
    link = f"#/experiments/{parent.info.experiment_id}/runs/{parent.info.run_id}/artifacts"
    note = parent.data.tags["mlflow.note.content"]
    report = f"[The report]({link}/report.html)\n\n"
    assert note.startswith(f"{report}No recipe beats the floor: tfidf")
    top = [item.path for item in client.list_artifacts(parent.info.run_id)]
    assert top == ["figures", "recipe", "report.html", "search", "tables"]
    artifacts = {
        item.path for folder in top for item in client.list_artifacts(parent.info.run_id, folder)
    }
    files = "recipe/best.yaml tables/trials.csv tables/epochs.csv tables/table.md search/space.md"
    assert {*files.split(), "search/spec.json", "search/summary.json"} <= artifacts
    figures = {item.path for item in client.list_artifacts(parent.info.run_id, "figures")}
    written = (searched.folder / "report_figures").iterdir()
    assert figures == {f"figures/{path.name}" for path in written} and len(figures) > 10


def test_mlflow_has_test_scores_of_the_reported_runs_only(client: mlflow.MlflowClient) -> None:
    runs = runs_of(client, "tiny")
    choice, reports = (
        [run for run in runs if run.data.tags["regimen.kind"] == kind]
        for kind in ("choice", "report")
    )
    assert len(choice) == 4 and len(reports) == 3
    assert not any("test_accuracy" in run.data.metrics for run in choice)
    assert all("test_accuracy" in run.data.metrics for run in reports)


def test_each_epochs_resources_are_in_the_journal_the_table_and_mlflow(
    searched: Searched, client: mlflow.MlflowClient
) -> None:
    study = studies.read_study(searched.folder)
    curves = [records.epochs(trial) for trial in studies.trials(study)]
    for kind in ("confirmed", "reported"):
        curves += [curve for seeds in attributes(study)[kind].values() for curve in seeds.values()]
    assert len(curves) == TRIALS + 4 + 3
    used = [(epoch[CPU_PERCENT], epoch[MEMORY_MB]) for curve in curves for epoch in curve]
    all_cpus, all_memory = 105 * (psutil.cpu_count() or 1), psutil.virtual_memory().total / 1e6
    assert all(0 < cpu <= all_cpus and 100 < memory < all_memory for cpu, memory in used)
    table = pandas.read_csv(searched.folder / "epochs.csv")
    assert list(zip(table[CPU_PERCENT], table[MEMORY_MB])) == used
    assert table[GPU_MEMORY_MB].isna().all() != torch.cuda.is_available()
    logged = []
    for run_ in runs_of(client, "tiny"):
        cpu, memory = (
            client.get_metric_history(run_.info.run_id, name) for name in (CPU_PERCENT, MEMORY_MB)
        )
        logged += [(first.value, second.value) for first, second in zip(cpu, memory)]
    assert sorted(logged) == sorted(used)


def test_the_floors_are_in_the_journal_the_table_mlflow_and_best_yaml(
    searched: Searched, client: mlflow.MlflowClient
) -> None:
    """Words tell the toy corpus's labels apart, so no search beats TF-IDF."""
    study = studies.read_study(searched.folder)
    floors = records.FLOORS.read(study)
    assert list(floors) == list(FLOORS) and floors["tfidf"]["validation_accuracy"] == 1.0
    assert all(set(record["test"]) == TEST_NAMES for record in floors.values())
    summary = json.loads((searched.folder / "summary.json").read_text())
    assert [floor["regime"] for floor in summary["floors"]] == list(FLOORS)
    (line,) = [line for line in searched.out.splitlines() if line.startswith("floors ")]
    assert "tfidf 100.0 %" in line and "a recipe must beat 100.0 % on validation" in line
    assert searched.out.index(line) < searched.out.index("trial 0:")
    for text in (searched.out, (searched.folder / "table.md").read_text()):
        assert "No recipe beats the floor: tfidf" in text and "over floor" in text
    recipe = read_recipe(searched.folder / "best.yaml")
    assert (recipe["regime"], recipe["trial"]) == ("tfidf", None)
    assert recipe["config"] == floors["tfidf"]["config"]
    runs = [run for run in runs_of(client, "tiny") if run.data.tags["regimen.kind"] == "floor"]
    logged = {run.data.tags["regimen.regime"]: run.data for run in runs}
    assert set(logged) == set(FLOORS)
    for regime, record in floors.items():
        metrics, params = logged[regime].metrics, logged[regime].params
        assert metrics["validation_accuracy"] == record["validation_accuracy"]
        assert {name: metrics[name] for name in TEST_NAMES} == record["test"]
        assert {name: params[name] for name in record["config"]} == {
            name: str(value) for name, value in record["config"].items()
        }
    (parent,) = [
        run for run in runs_of(client, "tiny") if run.data.tags["regimen.kind"] == "search"
    ]
    assert parent.data.metrics["floor_validation_accuracy"] == 1.0


def test_mlflow_has_the_papers_rows_for_comparison(client: mlflow.MlflowClient) -> None:
    experiment = client.get_experiment_by_name(store.PAPER_EXPERIMENT).experiment_id
    runs = client.search_runs([experiment])
    rows = {run.data.tags["regimen.regime"]: run.data.metrics["test_accuracy"] for run in runs}
    assert rows == {row.regime: row.test_accuracy for row in paper.TABLE_7}


def test_the_winners_predictions_have_its_confirmed_accuracies(searched: Searched) -> None:
    """Of every seed, on the validation split; the test split is not among them."""
    summary = json.loads((searched.folder / "summary.json").read_text())
    predictions = pandas.read_csv(searched.folder / "predictions.csv")
    correct = predictions["label"] == predictions["predicted"]
    confirmed = dict(zip(summary["confirmed_seeds"], summary["confirmed_accuracy"]))
    assert correct.groupby(predictions["seed"]).mean().to_dict() == pytest.approx(confirmed)
    validation = [text for text, _ in tiny.split_rows()["validation"]]
    assert all(list(rows["text"]) == validation for _, rows in predictions.groupby("seed"))
    assert predictions["confidence"].between(1 / len(tiny.VERBS), 1).all()


def test_the_bits_of_right_sentences_have_the_accuracies_of_their_runs(searched: Searched) -> None:
    """Of trial 0, choice and report runs and floors on validation; on test of the winner and the
    floors; without the texts."""
    summary = Summary.from_dict(json.loads((searched.folder / "summary.json").read_text()))
    rows = pandas.read_csv(searched.folder / "correct.csv", dtype={"correct": str})
    rows["accuracy"] = [
        from_hex(digits, sentences).mean()
        for digits, sentences in zip(rows["correct"], rows["sentences"])
    ]
    choice = rows[rows["kind"] == "choice"].groupby("trial")["accuracy"].apply(list)
    assert set(rows[rows["kind"] == "choice"]["split"]) == {"validation"}
    for trial, accuracies in summary.choice_runs.items():
        assert choice[int(trial)] == pytest.approx(list(accuracies))
    read = read_correct(searched.folder / "correct.csv", summary.winner_trial)
    validated, tested = (read.reported(split) for split in ("validation", "test"))
    assert validated is not None and tested is not None
    assert validated.mean(axis=1) == pytest.approx(summary.confirmed_accuracy)
    assert tested.mean(axis=1) == pytest.approx(summary.test_scores)
    trial_0 = read.of("search", 0, "validation")
    assert trial_0 is not None
    assert trial_0.mean(axis=1) == pytest.approx([summary.paper_config_validation_accuracy])
    for floor in summary.floors:
        bits = [read.of(floor.regime, 0, split) for split in ("validation", "test")]
        scores = [floor.validation_accuracy, floor.test_accuracy]
        assert [float(each.mean()) for each in bits if each is not None] == pytest.approx(scores)
    predictions = pandas.read_csv(searched.folder / "predictions.csv")
    right = (predictions["label"] == predictions["predicted"]).groupby(predictions["seed"])
    for bits, (_, expected) in zip(validated, right):
        assert (bits == expected.to_numpy()).all()


def test_the_report_of_a_real_search_has_its_numbers(searched: Searched) -> None:
    assert report.main([str(searched.results)]) == 0
    page = (searched.results / "report.html").read_text()
    best = json.loads((searched.folder / "summary.json").read_text())["best_validation_accuracy"]
    assert f"{100 * best:.1f}" in page and "llrd_warmup" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script src" not in page


# Other searches


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    """An MLflow server that is not started."""
    made = MlflowServer(tmp_path)
    yield made
    made.kill()


@pytest.mark.soak
def test_a_search_logs_to_the_named_mlflow_server_and_grows(
    inputs: Inputs, server: MlflowServer, temporary: Path
) -> None:
    """The server of MLFLOW_TRACKING_URI; a search is refused while it does not answer.

    The finished search is resumed with more trials and keeps those that it had. With `--quiet`, it
    prints the table and the next commands only. No temporary folder is left.
    """
    search = functools.partial(
        run, "search.run", MLFLOW_TRACKING_URI=server.uri, TMPDIR=str(temporary)
    )
    flags = "--regime llrd --trials 3 --epochs 2 --no-confirm --name grows"
    refused = search(*flags.split(), *inputs.sources)
    assert refused.returncode == 2 and server.uri in refused.stderr
    assert refused.stderr.count("\n") == 1 and not (inputs.results / "grows").exists()

    server.start()
    server.wait()
    done = search(*flags.split(), *inputs.sources)
    assert done.returncode == 0, done.stderr
    before = studies.trials(studies.read_study(inputs.results / "grows"))
    resume = ["--resume", "grows", "--trials", "6", "--results", str(inputs.results)]
    done = search(*resume, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    table, _, commands = done.stdout.partition("next:\n")
    heading, *rows = [line.split()[0] for line in table.splitlines() if line.strip()]
    assert heading == "regime" and sorted(rows) == sorted(["llrd", *FLOORS])
    assert "search.export" in commands and "search.train" in commands
    after = studies.trials(studies.read_study(inputs.results / "grows"))
    assert search_folders(temporary) == []
    assert len(before) == 3 and len(after) == 6
    assert [
        (trial.number, trial.state, trial.user_attrs, trial.system_attrs) for trial in after[:3]
    ] == [(trial.number, trial.state, trial.user_attrs, trial.system_attrs) for trial in before]

    client = mlflow.MlflowClient(tracking_uri=server.uri)
    runs = {run.info.run_id: run.data.tags["regimen.kind"] for run in runs_of(client, "grows")}
    assert sorted(runs.values()) == ["floor"] * 3 + ["search"] + ["trial"] * 6
    parent = next(run_id for run_id, kind in runs.items() if kind == "search")
    assert "recipe" in {item.path for item in client.list_artifacts(parent)}


FAILS_ON_OTHER_SEEDS = """    if config.draw > 1 and seed > 0 or seed == 1001:
        raise FloatingPointError('the loss became nan')
    began ="""


@pytest.mark.soak
def test_a_regime_of_two_files_that_fails_on_fresh_seeds_cannot_win(
    inputs: Inputs, tmp_path: Path
) -> None:
    """The regime is added to a copy of the code, where the help and the table show it.

    Its trial 1 is the best on the search's seed and fails on all others. Every trial fails on one
    seed of the report: the table says that this run is left out.
    """
    code = copy_code(tmp_path)
    source = (ROOT / "trainables" / "untuned.py").read_text()
    fragile = source.replace("    began =", FAILS_ON_OTHER_SEEDS, 1)
    (code / "trainables" / "fragile.py").write_text(fragile)
    (code / "spaces" / "fragile.py").write_text((ROOT / "spaces" / "untuned.py").read_text())

    def run_copy(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "search.run", *argv],
            cwd=code,
            env={**os.environ, "PYTHONPATH": str(code)},
            capture_output=True,
            text=True,
        )

    assert "fragile" in run_copy("--help").stdout
    flags = "--regime fragile --trials 6 --confirm 6x1 --report-seeds 3 --name fragile"
    done = run_copy(*flags.split(), *inputs.sources)
    assert done.returncode == 0, done.stderr
    assert " fragile " in done.stdout
    assert "failed: FloatingPointError: the loss became nan" in done.stdout
    assert "1 of the winner's runs on fresh seeds failed and is left out" in done.stdout
    study = studies.read_study(inputs.results / "fragile")
    assert len(studies.trials(study)) == 6
    assert all(set(trial.params) <= {"draw"} for trial in study.get_trials())
    recorded = attributes(study)
    assert recorded["winner"] == 0 and list(recorded["tested"]) == ["0"]
    assert set(recorded["reported"]["0"]) == set(recorded["tested"]["0"]) == {"1000", "1002"}


@pytest.mark.soak
@pytest.mark.parametrize(("budget", "code"), [("60s", 0), ("1s", 3)])
def test_a_time_budget_ends_the_trials_and_keeps_the_results(
    inputs: Inputs, budget: str, code: int
) -> None:
    """Enough for some trials, and for none: then the exit code says that none completed."""
    name = f"budget-{budget}"
    flags = "--regime llrd --trials 5000 --epochs 4 --max-concurrent 1 --no-confirm"
    named = ["--scheduler", "none", "--name", name, "--time-budget", budget]
    done = run("search.run", *flags.split(), *named, *inputs.sources)
    assert done.returncode == code, done.stderr
    assert "the time budget was spent" in done.stdout
    study = studies.read_study(inputs.results / name)
    assert not [trial for trial in study.get_trials() if trial.state.name == "RUNNING"]
    assert {trial.state.name for trial in studies.trials(study)} <= {"COMPLETE"}
    assert bool(studies.trials(study)) == (code == 0)
