"""A final training in MLflow: a run for each seed, and the model, ready to serve and register."""

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
from analysis.read.summary import Summary
from search.reports import ENDED_AT, STARTED_AT
from search.tracking.recorder import Recorder, test_metrics
from trainables.parts.quote import quoted

SERVING = Path(__file__).with_name("serving.py")
EXAMPLE_TEXTS = ["wake me at seven", "what's the weather like in oslo"]
ANONYMOUS_TAGS = {
    "mlflow.user": "unknown",
    "mlflow.source.name": "search.train",
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
) -> None:
    """Log a parent run with the model and mean scores, and a nested run for each seed's curve.

    `register` is the name for MLflow's model registry.
    """
    tags = {"regimen.regime": summary.regime, "data": summary.data, "model": summary.model}
    recorder = Recorder(client, tags)
    started = min(epochs[0][STARTED_AT] for epochs in curves.values())
    parent = recorder.start(f"{summary.name} final", "final", started=started)
    shared = {**recipe["config"], "epochs": recipe["epochs"]}
    recorder.params(parent, {**shared, "seeds": len(curves)})
    tests = [asdict(run) for run in summary.test]
    for seed, epochs in curves.items():
        name = f"{summary.regime} final seed {seed}"
        run = recorder.start(name, "final-seed", parent=parent, started=epochs[0][STARTED_AT])
        recorder.params(run, {**shared, "seed": seed})
        recorder.epochs(run, epochs)
        own = [scores for scores in tests if scores["seed"] == seed]
        recorder.metrics(run, test_metrics(own), epochs[-1][ENDED_AT])
        recorder.end(run, ended=epochs[-1][ENDED_AT])
    accuracy = fmean(summary.confirmed_accuracy)
    recorder.metrics(parent, {"confirmed_accuracy": accuracy, **test_metrics(tests)})
    client.log_artifact(parent, str(folder / "scores.json"))
    _log_model(uri, parent, folder, register)
    recorder.end(parent)


def _log_model(uri: str, run: str, folder: Path, register: str | None) -> None:
    """Log the model as code and files, without a pickle.

    To serve it, MLflow executes `serving.py`, which loads the folder.
    """
    import mlflow
    import pandas
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    example = pandas.DataFrame({"text": EXAMPLE_TEXTS})
    # With a column of strings, MLflow would turn null into the text "None", and classify it.
    inputs = Schema([ColSpec(AnyType(), "text")])
    outputs = pandas.DataFrame(
        {"label": ["alarm_set"] * 2, "score": [0.5] * 2, "scores": ["{}"] * 2}
    )
    mlflow.set_tracking_uri(uri)
    with tempfile.TemporaryDirectory() as scratch, mlflow.start_run(run_id=run):
        mlflow.pyfunc.log_model(
            name="model",
            # MLflow records the file's path: a copy hides whose home it is in.
            python_model=shutil.copy(SERVING, scratch),
            artifacts={"model": str(folder)},
            signature=ModelSignature(inputs, infer_signature(example, outputs).outputs),
            input_example=example,
            code_paths=[package.__path__[0] for package in (search, trainables)],
            pip_requirements=requirements(),
            registered_model_name=register,
            tags=ANONYMOUS_TAGS,
        )


def requirements() -> list[str]:
    """Pinned requirements of the served model, without local build tags such as `2.13.0+cpu`.

    A package index has no such versions.
    """
    return [f"{name}=={version(name).partition('+')[0]}" for name in REQUIRED_PACKAGES]
