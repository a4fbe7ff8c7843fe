"""A final training in MLflow: a run for each seed, and the model, ready to serve and register."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

import search
import trainables
from analysis.metric import (
    WORDS,
    best_validation_field,
    confirmed_field,
    run_score,
    test_field,
    validation_field,
)
from analysis.read.summary import Summary
from analysis.text import counted
from search.final.combining import Combined
from search.final.record import SCORES
from search.study import records
from search.tracking import views
from search.tracking.recorder import STATE_TAG, Recorder
from search.tracking.result_metrics import test_metrics
from search.tracking.store import EXPERIMENT
from search.worker_reports import ENDED_AT, STARTED_AT
from trainables.parts.quote import quoted

SERVING = Path(__file__).with_name("serving.py")
EXAMPLE_TEXTS = ["wake me at seven", "what's the weather like in oslo"]
SOURCE = "search.train"
NEWEST = "newest"
"""The alias of the version that was registered last."""
ANONYMOUS_TAGS = {
    "mlflow.user": "unknown",
    "mlflow.source.name": SOURCE,
    "mlflow.source.git.repoURL": "",
}
"""Tags that MLflow would fill from the machine: the user's name, the folder of the code, and an
address that may contain a password."""
REQUIRED_PACKAGES = (
    "mlflow",
    "numpy",
    "pandas",
    "safetensors",
    "scikit-learn",
    "scipy",
    "torch",
    "transformers",
)
"""What the served model imports."""
SERVED_CODE = (search, trainables)
"""The packages of ours that a served model comes with."""
MAX_NAME_LENGTH = 200


def check_registered_name(name: str | None) -> None:
    """Raise ValueError for a name that MLflow's registry refuses; None means no registration."""
    if name is None:
        return
    allowed = name.isprintable() and not set(name) & set("/:")
    if not name.strip() or not allowed or len(name) > MAX_NAME_LENGTH:
        raise ValueError(
            f"--register must be a name without '/' and ':', up to {MAX_NAME_LENGTH} characters;"
            f" got {quoted(name)}"
        )


def log_final(
    client: Any,
    uri: str,
    summary: Summary,
    recipe: Mapping[str, Any],
    curves: Mapping[int, list[dict[str, Any]]],
    folder: Path,
    register: str | None,
    tuning: Mapping[float, list[dict[str, Any]]] | None = None,
    combined: Combined | None = None,
) -> None:
    """Log a parent run with the model and mean scores, and a nested run for each seed's curve.

    `tuning` has the curves of the runs that tuned a field, by its value. `combined` says how the
    seeds were combined.

    `register` is the name for MLflow's model registry.
    """
    tags = _tags(summary, recipe, folder)
    recorder = Recorder(client, tags, SOURCE)
    every = [*curves.values(), *(tuning or {}).values()]
    ended = max(epochs[-1][ENDED_AT] for epochs in curves.values())
    metric = summary.metric
    name = f"{summary.name} final · {100 * fmean(summary.confirmed_scores):.1f}"
    parent = recorder.start(name, "final", started=min(epochs[0][STARTED_AT] for epochs in every))
    recorder.dataset(parent)
    shared = {**recipe["config"], "epochs": recipe["epochs"]}
    if recipe.get("epoch_size") is not None:
        shared["epoch_size"] = recipe["epoch_size"]
    recorder.params(parent, {**shared, "seeds": len(curves)})
    tests = [asdict(run) for run in summary.test]
    for value, epochs in (tuning or {}).items():
        field, seed = recipe["tuned"]["field"], recipe.get("seed") or 0
        name = f"{summary.regime} tune {field} {value:.4g} · {100 * run_score(epochs, metric):.1f}"
        params = {**shared, field: value, "seed": seed}
        _log_run(recorder, parent, name, "final-tune", params, epochs, {})
    for seed, epochs in curves.items():
        name = f"{summary.regime} final seed {seed} · {100 * run_score(epochs, metric):.1f}"
        test_scores = test_metrics([scores for scores in tests if scores["seed"] == seed])
        _log_run(
            recorder, parent, name, "final-seed", {**shared, "seed": seed}, epochs, test_scores
        )
    metrics = {
        name(each): fmean(getattr(summary, confirmed_field(each)))
        for each in WORDS
        for name in (best_validation_field, confirmed_field)
    }
    if combined:
        metrics[f"{combined.kind}_{validation_field(metric)}"] = combined.validation_score
        if combined.test_score is not None:
            metrics[f"{combined.kind}_{test_field(metric)}"] = combined.test_score
    recorder.metrics(parent, {**metrics, **test_metrics(tests)}, ended)
    client.log_artifact(parent, str(folder / SCORES))
    version = _log_model(uri, parent, folder, register)
    if register is not None:
        used = combined if combined and combined.kept else None
        tags |= {"regimen.final_run": parent, "regimen.combined": used.kind if used else "none"}
        _describe(client, register, version, summary, tags, used)
    recorder.set_tags(parent, {STATE_TAG: "COMPLETE"})
    recorder.end(parent)


def _log_run(
    recorder: Recorder,
    parent: str,
    name: str,
    kind: str,
    params: Mapping[str, Any],
    epochs: list[dict[str, Any]],
    metrics: Mapping[str, float | None],
) -> None:
    """A run of one seed, nested in the final training's."""
    run = recorder.start(name, kind, parent=parent, started=epochs[0][STARTED_AT])
    recorder.dataset(run)
    recorder.params(run, params)
    recorder.epochs(run, epochs)
    recorder.metrics(run, metrics, epochs[-1][ENDED_AT])
    recorder.set_tags(run, {STATE_TAG: "COMPLETE"})
    recorder.end(run, ended=epochs[-1][ENDED_AT])


def _tags(summary: Summary, recipe: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """What a final training is of: its search, data, model and code."""
    data, trained = recipe["data"], json.loads((folder / SCORES).read_text(encoding="utf-8"))
    tags = {
        "regimen.search": summary.name,
        records.IDENTITY: recipe.get("search_id"),
        "regimen.regime": summary.regime,
        "regimen.trial": recipe.get("trial"),
        "data": summary.data,
        "data_fingerprint": data.get("fingerprint"),
        "model": summary.model,
        "model_fingerprint": recipe["model"].get("fingerprint"),
        "git_commit": trained.get("commit"),
        **{f"version.{name}": number for name, number in trained["versions"].items()},
    }
    return {name: str(value) for name, value in tags.items() if value is not None}


def _describe(
    client: Any,
    name: str,
    version: str,
    summary: Summary,
    tags: Mapping[str, str],
    combined: Combined | None,
) -> None:
    """Say in the registry what the version is, and where it comes from.

    The alias always points at the version that was registered last: it says nothing about which is
    better.
    """
    identity = tags.get(records.IDENTITY)  # Exports of earlier versions have none.
    key = views.search_key(summary.name, identity) if identity else views.SEARCHES
    page = views.page(client.get_experiment_by_name(EXPERIMENT).experiment_id, key)
    reached, words = summary.confirmed_scores, WORDS[summary.metric]
    seeds = counted(len(reached), "seed")
    scores = f"validation {words} {100 * fmean(reached):.1f} %, the mean of {seeds}"
    if summary.test:
        scores += f"; test {words} {100 * fmean(summary.test_scores):.1f} %"
    which = f"This is the seed with the best validation {words}."
    if summary.folds is not None:
        which = (
            f"This is the first seed, trained on all rows; validation has {summary.folds} folds."
        )
    if combined:
        which = f"This is the {combined}."
    text = (
        f"`{summary.regime}` on `{tags['model']}`, data `{tags['data']}`: {scores}."
        f" {which} Its search: [{summary.name}]({page[1:]})."
    )
    if not client.get_registered_model(name).description:
        client.update_registered_model(
            name, f"Classifies short texts into the labels of `{tags['data']}`. Made by Regimen."
        )
    client.update_model_version(name, version, text)
    for tag, value in tags.items():
        client.set_model_version_tag(name, version, tag, value)
    client.set_registered_model_alias(name, NEWEST, version)


def _log_model(uri: str, run: str, folder: Path, register: str | None) -> str:
    """Log the model as code and files, without a pickle; returns its version in the registry."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    with tempfile.TemporaryDirectory() as scratch, mlflow.start_run(run_id=run):
        logged = mlflow.pyfunc.log_model(
            name="model",
            registered_model_name=register,
            tags=ANONYMOUS_TAGS,
            **served(folder, Path(scratch)),
        )
    return str(logged.registered_model_version)


def served(folder: Path, scratch: Path) -> dict[str, Any]:
    """A model folder as MLflow's `pyfunc` logs or saves it: arguments of either function.

    To serve it, MLflow executes `serving.py`, which loads the folder. MLflow records that file's
    path: a copy in `scratch` hides whose home it is in.
    """
    import pandas
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    example = pandas.DataFrame({"text": EXAMPLE_TEXTS})
    # With a column of strings, MLflow would turn null into the text "None", and classify it.
    inputs = Schema([ColSpec(AnyType(), "text")])
    outputs = pandas.DataFrame(
        {"label": ["alarm_set"] * 2, "score": [0.5] * 2, "scores": ["{}"] * 2}
    )
    return {
        "python_model": shutil.copy(SERVING, scratch),
        "artifacts": {"model": str(folder)},
        "signature": ModelSignature(inputs, infer_signature(example, outputs).outputs),
        "input_example": example,
        "code_paths": [package.__path__[0] for package in SERVED_CODE],
        "pip_requirements": requirements(),
    }


def requirements() -> list[str]:
    """Pinned requirements of the served model, without local build tags such as `2.13.0+cpu`.

    A package index has no such versions.
    """
    return [f"{name}=={version(name).partition('+')[0]}" for name in REQUIRED_PACKAGES]
