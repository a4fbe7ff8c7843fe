"""A final training in MLflow: the runs of its seeds, and the model, ready to be served and
registered."""

import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import search
import trainables
from search.final import serving as served
from search.reports import ENDED_AT, STARTED_AT
from search.tracking.recorder import Recorder, test_metrics

INPUT_EXAMPLE = ["wake me at seven", "what's the weather like in oslo"]
UNTOLD = {
    "mlflow.user": "unknown",
    "mlflow.source.name": "search.train",
    "mlflow.source.git.repoURL": "",
}
"""Tags that MLflow would fill from the machine: who is logged in, where the code lies, and an
address that may hold a password."""


def log_final(
    client: Any,
    uri: str,
    record: Mapping[str, Any],
    runs: Mapping[int, list[dict[str, Any]]],
    folder: Path,
    register: str | None,
) -> None:
    """A parent run with the model and the mean scores, and a nested run a seed with its curve."""
    summary, configuration = record["summary"], record["configuration"]
    recorder = Recorder(
        client,
        {"regimen.regime": summary["regime"], "data": summary["data"], "model": summary["model"]},
    )
    parent = recorder.start(
        f"{summary['name']} final",
        "final",
        started=min(epochs[0][STARTED_AT] for epochs in runs.values()),
    )
    recorder.params(
        parent, {**configuration["config"], "epochs": configuration["epochs"], "seeds": len(runs)}
    )
    tested = {scores["seed"]: scores for scores in summary["test"]}
    for seed, epochs in runs.items():
        run = recorder.start(
            f"{summary['regime']} final seed {seed}",
            "final-seed",
            parent=parent,
            started=epochs[0][STARTED_AT],
        )
        recorder.params(
            run, {**configuration["config"], "epochs": configuration["epochs"], "seed": seed}
        )
        recorder.epochs(run, epochs)
        figures = {
            "score": epochs[-1]["best_validation_accuracy"],
            **test_metrics([tested[seed]] if seed in tested else []),
        }
        recorder.metrics(run, figures, epochs[-1][ENDED_AT])
        recorder.end(run, ended=epochs[-1][ENDED_AT])
    validation = summary["confirmed_accuracy"]
    recorder.metrics(
        parent,
        {"validation_accuracy": sum(validation) / len(validation), **test_metrics(summary["test"])},
    )
    client.log_artifact(parent, str(folder / "scores.json"))
    _log_model(uri, parent, folder, register)
    recorder.end(parent)


def _log_model(uri: str, run: str, folder: Path, register: str | None) -> None:
    """The model as code and files:

    MLflow executes `serving.py` where it serves, and reads the folder; nothing is pickled.
    """
    import mlflow
    import pandas
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    inputs = pandas.DataFrame({"text": INPUT_EXAMPLE})
    anything = Schema(
        [ColSpec(AnyType(), "text")]
    )  # of strings, MLflow would make the text "None" of null, and answer
    outputs = pandas.DataFrame(
        {"label": ["alarm_set"] * 2, "score": [0.5] * 2, "scores": ["{}"] * 2}
    )
    mlflow.set_tracking_uri(uri)
    with tempfile.TemporaryDirectory() as scratch, mlflow.start_run(run_id=run):
        mlflow.pyfunc.log_model(
            name="model",
            python_model=shutil.copy(
                served.__file__, scratch
            ),  # MLflow records where the file was: not in somebody's home
            artifacts={"model": str(folder)},
            signature=ModelSignature(anything, infer_signature(inputs, outputs).outputs),
            input_example=inputs,
            code_paths=[package.__path__[0] for package in (search, trainables)],
            pip_requirements=_requirements(),
            registered_model_name=register,
            tags=UNTOLD,
        )


def _requirements() -> list[str]:
    """What the served model needs, as an index has it: without the mark of a local build, as in
    2.13.0+cpu."""
    names = ("mlflow", "numpy", "pandas", "safetensors", "torch", "transformers")
    return [f"{name}=={version(name).partition('+')[0]}" for name in names]
