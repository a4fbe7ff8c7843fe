"""The winner of a search is exported, trained, loaded, used and served."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
import yaml
from transformers import AutoConfig, AutoTokenizer

import trainables
from search import export, predict
from search.final.folder import check_out
from search.final.predictor import Predictor
from search.outputs.recipe import read_recipe
from search.study import study as studies
from search.tracking.views import search_key
from tests import tiny
from tests.attributes import attributes
from tests.processes import Inputs, Searched, free_port, run
from trainables.parts.model.classifier import Classifier

pytestmark = pytest.mark.slow

TEXTS = ["please wake today", "i want pizza now"]


@pytest.fixture(scope="module")
def trained(searched: Searched) -> Path:
    """The winner, exported, trained on two seeds and registered."""
    best, out = searched.results / "best.yaml", searched.results / "model"
    results = ["--results", str(searched.results)]
    assert export.main(["tiny", "--floor", "none", *results, "--out", str(best)]) == 0
    flags = ["--seeds", "2", "--out", str(out), "--register", "tiny-intents"]
    done = run("search.train", str(best), *flags, *results)
    assert done.returncode == 0, done.stderr
    assert "(n=2, df=" in done.stdout
    return out


def test_an_export_has_everything_that_training_needs(
    searched: Searched, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        export.main(["tiny", "--top", "2", "--floor", "none", "--results", str(searched.results)])
        == 0
    )
    first, second = yaml.safe_load_all(capsys.readouterr().out)
    study = studies.read_study(searched.folder)
    assert first["trial"] == study.user_attrs["winner"]
    assert (first["rank"], second["rank"]) == (1, 2)
    config = trainables.load(first["regime"]).Config.from_dict(first["config"])
    assert config.to_dict() == first["config"]
    keys = "data model epochs seed precision threads versions commit scores"
    assert set(keys.split()) <= set(first)
    scores, others = first["scores"], second["scores"]
    assert set(scores["choice_accuracy"]) == set(others["choice_accuracy"]) == {1, 2}
    assert set(scores["confirmed_accuracy"]) == set(scores["test"]) == {1000, 1001, 1002}
    assert "test" not in others


def test_final_training_repeats_the_reported_curves_to_the_last_bit(
    searched: Searched, trained: Path
) -> None:
    record = json.loads((trained / "scores.json").read_text())
    study = studies.read_study(searched.folder)
    trial = str(record["configuration"]["trial"])
    reported, tested = (attributes(study)[key][trial] for key in ("reported", "tested"))
    curves = {seed: tiny.curve(epochs) for seed, epochs in record["curves"].items()}
    assert curves == {seed: tiny.curve(reported[seed]) for seed in ("1000", "1001")}
    assert [run["test_accuracy"] for run in record["summary"]["test"]] == [
        tested[seed]["test_accuracy"] for seed in ("1000", "1001")
    ]
    assert not set(curves) & {"0", *attributes(study)["confirmed"][trial]}


def test_the_model_folder_gives_the_recorded_test_score_in_a_new_process(trained: Path) -> None:
    assert AutoTokenizer.from_pretrained(trained).is_fast
    assert set(AutoConfig.from_pretrained(trained).id2label.values()) == set(tiny.VERBS)
    assert Classifier.from_pretrained(trained).labels == tuple(sorted(tiny.VERBS))
    rows = tiny.split_rows()["test"]
    done = run("search.predict", str(trained), stdin="".join(f"{text}\n" for text, _ in rows))
    predictions = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["text"] for row in predictions] == [text for text, _ in rows]
    assert all(abs(sum(row["scores"].values()) - 1) < 1e-3 for row in predictions)
    assert all(row["scores"][row["label"]] == row["score"] for row in predictions)
    correct = sum(row["label"] == label for row, (_, label) in zip(predictions, rows))
    record = json.loads((trained / "scores.json").read_text())
    recorded = {scores["seed"]: scores["test_accuracy"] for scores in record["summary"]["test"]}
    # Training is in bf16, predicting in fp32, so a tie may be broken differently.
    tie = 1.5 / len(rows)
    assert correct / len(rows) == pytest.approx(recorded[record["best_seed"]], abs=tie)


def test_predict_takes_texts_as_arguments(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main([str(trained), *TEXTS]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == TEXTS


@pytest.mark.parametrize("case", ["missing", "empty", "damaged"])
def test_predict_refuses_a_folder_without_a_model(
    case: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / case
    if case == "empty":
        folder.mkdir()
    if case == "damaged":
        shutil.copytree(trained, folder)
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
    assert predict.main([str(folder), "hello"]) == 2
    out, errors = capsys.readouterr()
    assert out == "" and errors.count("\n") == 1


@pytest.fixture
def invocations(searched: Searched, trained: Path) -> Iterator[str]:
    """The address at which MLflow serves the registered model."""
    port = free_port()
    argv = f"mlflow models serve -m models:/tiny-intents/1 --env-manager local -p {port}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    server = subprocess.Popen(
        [sys.executable, "-m", *argv.split(), "-h", "127.0.0.1"],
        env={**os.environ, "MLFLOW_TRACKING_URI": searched.store, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=30).close()
                break
            except OSError:
                if time.monotonic() > deadline or server.poll() is not None:
                    pytest.fail(f"the model is not served: {server.communicate()[0]}")
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def post(address: str, body: dict[str, Any]) -> Any:
    """POST JSON and return the decoded answer."""
    header = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(body).encode(), header)
    return json.load(urllib.request.urlopen(request, timeout=30))


def test_a_recipe_is_carried_to_a_larger_encoder_and_tuned(
    searched: Searched, trained: Path, tmp_path: Path
) -> None:
    """The learning rate is chosen on validation by runs on the search's seed; the runs that are
    reported are on others, and alone are tested."""
    large, folder = tiny.write_model(tmp_path / "large", layers=3), tmp_path / "model"
    best, store = searched.results / "best.yaml", f"sqlite:///{tmp_path / 'm.db'}"
    flags = ["--model", str(large), "--tune", "learning_rate", "--trials", "2", "--seeds", "2"]
    flags += ["--oos-label", "food_order", "--soup", "--out", str(folder), "--tracking-uri", store]
    done = run("search.train", str(best), *flags)
    assert done.returncode == 0, done.stderr
    assert "for 3 layers instead of 2" in done.stdout
    scores = json.loads((folder / "scores.json").read_text())
    soup, record = scores["combined"], scores["configuration"]
    rows = tiny.split_rows()
    out = {name: sum(label == "food_order" for _, label in rows[name]) for name in rows}
    measured = scores["out_of_scope"]
    assert measured["validation"]["out_of_scope"] == out["train"] + out["validation"]
    assert measured["test"]["out_of_scope"] == out["test"] and 0 <= measured["test"]["auroc"] <= 1
    assert "| AUROC |" in (folder / "README.md").read_text()
    assert "food_order" not in AutoConfig.from_pretrained(folder).label2id
    best_accuracy = max(scores["summary"]["confirmed_accuracy"])
    assert soup["kind"] == "soup" and soup["seeds"] == [1000, 1001]
    assert soup["kept"] == (soup["validation_accuracy"] >= best_accuracy)
    assert f"soup of 2 seeds: validation {soup['validation_accuracy']:.4f}" in done.stdout
    before = yaml.safe_load(best.read_text())["config"]
    rate = before["learning_rate"]
    scores = record["tuned"]["best_validation_accuracy"]
    assert [float(value) for value in scores] == pytest.approx([rate / 2, rate], rel=1e-5)
    chosen = max(scores, key=lambda value: (scores[value], float(value)))
    assert record["config"]["learning_rate"] == pytest.approx(float(chosen), rel=1e-5)
    decay = record["config"]["layerwise_decay"]
    assert decay**4 == pytest.approx(before["layerwise_decay"] ** 3)
    assert record["model"]["source"] == str(large) and record["model"]["fingerprint"]
    (answer,) = Predictor(folder).predict(TEXTS[:1])
    assert answer["label"]
    client = mlflow.MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("regimen").experiment_id
    kinds = [measured.data.tags["regimen.kind"] for measured in client.search_runs([experiment])]
    assert sorted(kinds) == ["final", *["final-seed"] * 2, *["final-tune"] * 2]
    tuned = client.search_runs([experiment], "tags.`regimen.kind` = 'final-tune'")
    assert {measured.data.params["seed"] for measured in tuned} == {"0"}
    assert not any("test_accuracy" in measured.data.metrics for measured in tuned)


def test_an_ensemble_averages_the_seeds_and_is_served_like_any_model(
    searched: Searched, trained: Path, tmp_path: Path
) -> None:
    best, out, store = searched.results / "best.yaml", tmp_path / "model", tmp_path / "m.db"
    flags = ["--seeds", "2", "--ensemble", "--register", "together", "--out", str(out)]
    uri = f"sqlite:///{store}"
    done = run("search.train", str(best), *flags, "--tracking-uri", uri)
    assert done.returncode == 0, done.stderr
    scores = json.loads((out / "scores.json").read_text())
    ensemble, rows = scores["combined"], tiny.split_rows()["test"]
    answers = Predictor(out).predict([text for text, _ in rows])
    right = sum(answer["label"] == label for answer, (_, label) in zip(answers, rows))
    assert right / len(rows) == pytest.approx(ensemble["test_accuracy"], abs=1.5 / len(rows))
    members = [Predictor(out / f"member-{number}").model for number in (1, 2)]
    temperature = scores["confidence"]["temperature"]
    answers_of = [member.predict(TEXTS, Predictor(out).tokenizer) for member in members]
    mean = torch.stack(answers_of).mean(dim=0)
    expected = (mean.log() / temperature).softmax(dim=1)
    probabilities = [list(row["scores"].values()) for row in Predictor(out).predict(TEXTS)]
    assert probabilities == [pytest.approx(row, abs=1e-5) for row in expected.tolist()]
    assert "Only Regimen loads the ensemble" in (out / "README.md").read_text()
    check_out(out, read_recipe(best))

    request, answer = tmp_path / "request.json", tmp_path / "answer.json"
    request.write_text(json.dumps({"dataframe_records": [{"text": text} for text in TEXTS]}))
    argv = ["-m", "models:/together/1", "--env-manager", "local"]
    files = ["-i", str(request), "-o", str(answer)]
    asked = run("mlflow", "models", "predict", *argv, *files, MLFLOW_TRACKING_URI=uri)
    assert asked.returncode == 0, asked.stderr
    served = json.loads(answer.read_text())["predictions"]
    assert [row["label"] for row in served] == [
        row["label"] for row in Predictor(out).predict(TEXTS)
    ]
    version = mlflow.MlflowClient(tracking_uri=uri).get_model_version("together", "1")
    assert version.tags["regimen.combined"] == "ensemble"
    assert "This is the ensemble of 2 seeds" in version.description


def test_the_registered_version_says_what_it_is(searched: Searched, trained: Path) -> None:
    """Its text links to the search's leaderboard; the final training stands there too."""
    client = mlflow.MlflowClient(tracking_uri=searched.store)
    version = client.get_model_version_by_alias("tiny-intents", "newest")
    scores = json.loads((trained / "scores.json").read_text())
    identity = scores["configuration"]["search_id"]
    assert int(version.version) == 1
    assert f"viewStateShareKey={search_key('tiny', identity)}" in version.description
    assert version.tags["git_commit"] == scores["commit"]
    assert version.tags["data_fingerprint"] == scores["configuration"]["data"]["fingerprint"]
    final = client.get_run(version.tags["regimen.final_run"])
    assert final.data.tags["regimen.id"] == identity and final.inputs.dataset_inputs
    curves = scores["curves"].values()
    mean = sum(curve[-1]["best_validation_accuracy"] for curve in curves) / len(curves)
    assert final.data.metrics["best_validation_accuracy"] == pytest.approx(mean)


def test_mlflow_serves_the_registered_model(invocations: str, trained: Path) -> None:
    records = [{"text": text} for text in TEXTS]
    served = post(invocations, {"dataframe_records": records})["predictions"]
    predicted = Predictor(trained).predict(TEXTS)
    assert [row["label"] for row in served] == [row["label"] for row in predicted]
    assert json.loads(served[0]["scores"]) == pytest.approx(predicted[0]["scores"], abs=1e-5)
    for refused in ([None, 3], [""], ["wake me", None], ["wake me", " "]):
        with pytest.raises(urllib.error.HTTPError) as error:
            post(invocations, {"inputs": refused})
        assert error.value.code == 400, refused


ELSEWHERE = """
import importlib.metadata, json, re, sys
import mlflow
from search.final.mlflow_model import REQUIRED_PACKAGES, SERVED_CODE

for name in [name for name in sys.modules if name.partition(".")[0] in sys.argv[2].split()]:
    del sys.modules[name]
kept = {name.replace("-", "_") for name in REQUIRED_PACKAGES} | {"sklearn"}
needed = [re.match(r"[\\w-]+", line)[0] for line in importlib.metadata.requires("regimen")]
absent = {name.replace("-", "_") for name in needed} | set(sys.argv[2].split())
absent -= kept | {package.__name__ for package in SERVED_CODE}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Absent())
assert {"analysis", "spaces", "ray", "optuna"} <= absent
model = mlflow.pyfunc.load_model(sys.argv[1])
print(json.dumps(model.predict([{"text": "wake me at seven"}]).to_dict("records")))
"""
"""Loads a model where nothing of Regimen is installed but what was logged with the model, and only
the required libraries."""


def test_the_registered_model_loads_where_regimen_is_not_installed(
    searched: Searched, trained: Path
) -> None:
    packages = "analysis search spaces tests trainables"
    argv = [sys.executable, "-c", ELSEWHERE, "models:/tiny-intents/1", packages]
    env = {**os.environ, "MLFLOW_TRACKING_URI": searched.store}
    done = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout.splitlines()[-1])
    assert row["label"] == Predictor(trained).predict(["wake me at seven"])[0]["label"]


@pytest.mark.soak
def test_a_search_with_epochs_of_a_part_is_repeated_by_its_final_training(inputs: Inputs) -> None:
    """The contrastive stage's epochs have 40 sentences, the classifier's all of them."""
    flags = ["--regime", "supcon", "--name", "part", "--epoch-size", "40", "--trials", "2"]
    more = ["--epochs", "3", "--confirm", "1x1", "--report-seeds", "1", *inputs.sources]
    done = run("search.run", *flags, *more)
    assert done.returncode == 0, done.stderr
    assert "2 trials of 3 epochs of 40 sentences" in done.stdout
    summary = json.loads((inputs.results / "part" / "summary.json").read_text())
    assert summary["epoch_size"] == 40 and summary["last_contrastive_loss"] is None
    results = ["--results", str(inputs.results)]
    best, out = inputs.results / "part.yaml", inputs.results / "part-model"
    assert export.main(["part", "--floor", "none", *results, "--out", str(best)]) == 0
    assert yaml.safe_load(best.read_text())["epoch_size"] == 40
    done = run("search.train", str(best), "--seeds", "1", "--out", str(out), *results)
    assert done.returncode == 0, done.stderr
    study = studies.read_study(inputs.results / "part")
    record = json.loads((out / "scores.json").read_text())
    trial = str(record["configuration"]["trial"])
    reported = attributes(study)["reported"][trial]["1000"]
    assert tiny.curve(record["curves"]["1000"]) == tiny.curve(reported)
    first = [epoch for epoch in reported if epoch["stage"] == "contrastive"]
    batch = record["configuration"]["config"]["batch_size"]
    assert [epoch["steps"] for epoch in first] == [-(-40 // batch)] * 3
