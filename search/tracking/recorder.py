"""MLflow's store, reached through one thin client: runs started, filled in few calls, and ended."""

import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis import paper
from search.tracking import sqlite_file
from search.trials.system_metrics import USAGE, ends

EXPERIMENT, PAPER_EXPERIMENT = "regimen", "regimen-paper"
METRICS = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "best_validation_accuracy",
    "learning_rate",
    "seconds",
    *USAGE,
)
OWN = (
    "regimen.",
    "version.",
    "mlflow.runName",
    "mlflow.parentRunId",
    "mlflow.user",
    "mlflow.source.",
)
"""How names of tags begin that a run has from `Recorder.start`, or from MLflow itself."""
MAX_METRICS = 1000
MAX_VALUE = 5000
MAX_NAME = 500


def tracking_uri(uri: str | None, results: str) -> str:
    """Where runs are logged: the flag, the environment, or an sqlite file in the results, by its
    absolute path."""
    default = f"sqlite:///{Path(results).expanduser().resolve() / 'mlflow.db'}"
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or default


def connect(uri: str, results: str) -> Any:
    """An MLflow client with both experiments there.

    Raises ValueError with one line where no store answers at `uri`.
    """
    try:
        client = open_client(uri)
        make_experiments(client, results)
    except (
        Exception
    ) as error:  # the file system, requests, sqlalchemy and mlflow each have their own
        raise ValueError(f"MLflow cannot record at '{uri}': {one_line(error)}") from error
    return client


def open_client(uri: str) -> Any:
    """An MLflow client that gives up soon and never sends a request twice by itself: it may have
    been received."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.ERROR)
    logging.getLogger("mlflow").setLevel(
        logging.CRITICAL
    )  # it would print a traceback for each look at a store that is away
    if path := sqlite_file.path_of(uri):
        sqlite_file.make(
            path, lambda beside: MlflowClient(tracking_uri=beside).search_experiments(max_results=1)
        )
    return MlflowClient(tracking_uri=uri)


def make_experiments(client: Any, results: str) -> str:
    """Both experiments, made where they are not there; returns the id of that of the searches."""
    local = client.tracking_uri.startswith("sqlite:")
    folder = Path(results).expanduser().resolve() / "mlartifacts"
    for name in (EXPERIMENT, PAPER_EXPERIMENT):
        if client.get_experiment_by_name(name) is None:
            try:
                client.create_experiment(
                    name, artifact_location=(folder / name).as_uri() if local else None
                )
            except Exception:
                if client.get_experiment_by_name(name) is None:  # another search was not quicker
                    raise
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment.lifecycle_stage != "active":
        raise ValueError(
            f"its experiment '{EXPERIMENT}' was deleted; restore it with `mlflow experiments"
            " restore`"
        )
    found: str = experiment.experiment_id
    return found


def one_line(error: BaseException) -> str:
    """What an exception says, short enough for a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


class OutOfTime(Exception):
    """The time that the caller gave is over; what was logged until then stands."""


class Recorder:
    """Writes runs of one experiment. `tags` stand on every run that it starts.

    After `deadline` (of `time.monotonic`) it begins no request and raises OutOfTime. What is sent
    twice, as it must be where an answer was lost, has to be the same to the last bit: MLflow keeps
    one of two equal points. So `began` and `at` come from the study.
    """

    def __init__(self, client: Any, tags: Mapping[str, str]) -> None:
        self.client, self.tags = client, dict(tags)
        self.deadline = math.inf
        self.started = self.logged = 0
        self._experiment: str | None = None
        self._file = _sqlite_file(client.tracking_uri)

    @property
    def experiment(self) -> str:
        """The id of the searches' experiment."""
        if self._experiment is None:
            self.check()
            self._experiment = self.client.get_experiment_by_name(EXPERIMENT).experiment_id
        return self._experiment

    def check(self) -> None:
        """Raise OutOfTime where time is over."""
        if time.monotonic() > self.deadline:
            raise OutOfTime("MLflow did not take everything in time")

    def locate(self, results: str) -> None:
        """Find the experiments, or make them: the store may be another one than before, and
        empty."""
        self.check()
        if self._file != (found := _sqlite_file(self.client.tracking_uri)):
            self.client = open_client(_respelt(self.client.tracking_uri))
            self._file = _sqlite_file(self.client.tracking_uri) if found is None else found
        self._experiment = make_experiments(self.client, results)

    def search(self, where: str) -> list[Any]:
        """Every run that a filter finds."""
        runs: list[Any] = []
        token = None
        while True:
            self.check()
            page = self.client.search_runs(
                [self.experiment], where, max_results=1000, page_token=token
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def start(
        self,
        name: str,
        kind: str,
        *,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
        began: float | None = None,
    ) -> str:
        """A new run's id; `parent` nests it, `began` is its start in seconds since 1970."""
        self.check()
        nested = {"mlflow.parentRunId": parent} if parent else {}
        every = {
            **self.tags,
            "mlflow.runName": name,
            "regimen.kind": kind,
            **nested,
            **(tags or {}),
        }
        run: str = self.client.create_run(
            self.experiment, start_time=_milliseconds(began), tags=every
        ).info.run_id
        self.started += 1
        return run

    def params(self, run: str, values: Mapping[str, Any]) -> None:
        """Parameters, in one call."""
        from mlflow.entities import Param

        self.check()
        self.client.log_batch(
            run, params=[Param(name, _text(value)) for name, value in values.items()]
        )

    def metrics(
        self, run: str, values: Mapping[str, float | None], at: float | None = None
    ) -> None:
        """Figures of the whole run, in one call; None is left out."""
        from mlflow.entities import Metric

        self.check()
        known = [
            Metric(name, value, _milliseconds(at), 0)
            for name, value in values.items()
            if value is not None
        ]
        if known:
            self.client.log_batch(run, metrics=known)

    def note(self, run: str, tags: Mapping[str, str]) -> None:
        """Tags, in one call."""
        from mlflow.entities import RunTag

        self.check()
        self.client.log_batch(
            run, tags=[RunTag(name, _text(value)) for name, value in tags.items()]
        )

    def epochs(
        self, run: str, epochs: list[dict[str, Any]], after: int = 0, began: float | None = None
    ) -> int:
        """The epochs above `after`, in few calls; returns the last one's number.

        `epoch` goes with each, and tells later what is there.
        """
        from mlflow.entities import Metric

        start = time.time() if began is None else began
        new = [
            (epoch, ended)
            for epoch, ended in zip(epochs, ends(epochs, start))
            if epoch["epoch"] > after
        ]
        names = (*METRICS, "epoch")
        batch = MAX_METRICS // len(names)  # an epoch is in one call: whole in MLflow, or not there
        for first in range(0, len(new), batch):
            self.check()
            metrics = [
                Metric(name, float(epoch[name]), _milliseconds(at), epoch["epoch"])
                for epoch, at in new[first : first + batch]
                for name in names
                if epoch.get(name) is not None
            ]
            self.client.log_batch(run, metrics=metrics)
            self.logged += len(new[first : first + batch])
        last: int = new[-1][0]["epoch"] if new else after
        return last

    def dataset(self, run: str, source: str, fingerprint: str, rows: str) -> None:
        """What a run was trained on, as MLflow's pages show data sets; the same one logged again
        stays one."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        self.check()
        columns = [{"name": name, "type": "string", "required": True} for name in ("text", "label")]
        described = Dataset(
            name=_text(source)[:MAX_NAME],
            digest=fingerprint,
            source_type="local",
            source=json.dumps({"uri": _text(source)}),
            schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps({"rows": rows}),
        )
        self.client.log_inputs(
            run, datasets=[DatasetInput(described, [InputTag("mlflow.data.context", "training")])]
        )

    def artifact(self, run: str, path: Path, folder: str | None = None) -> None:
        """A file, in a folder of the run's artifacts."""
        self.check()
        self.client.log_artifact(run, str(path), folder)

    def reopen(self, run: str) -> None:
        """A run that was closed goes on."""
        self.check()
        self.client.update_run(run, status="RUNNING")

    def end(self, run: str, status: str = "FINISHED", ended: float | None = None) -> None:
        """Close a run: FINISHED, KILLED or FAILED; `ended` in seconds since 1970."""
        self.check()
        self.client.set_terminated(run, status, end_time=_milliseconds(ended))

    def delete(self, run: Any) -> None:
        """Take away a run of this search that a request made which was received twice.

        One that anybody else wrote a tag on stays.

        The proof is in its tags: the identity by which it was found, and no name that `start` does
        not write. MLflow can restore it.
        """
        self.check()
        if all(name in self.tags or name.startswith(OWN) for name in run.data.tags):
            self.client.delete_run(run.info.run_id)


def _text(value: Any) -> str:
    """A value as any store takes it: PostgreSQL has no NUL, UTF-8 no halves of characters."""
    return str(value).replace("\0", " ").encode("utf-8", "replace").decode("utf-8")[:MAX_VALUE]


def _milliseconds(seconds: float | None) -> int:
    """A time as MLflow counts it; None: now."""
    return round(1000 * (time.time() if seconds is None else seconds))


def _sqlite_file(uri: str) -> tuple[int, int] | None:
    """What tells a local store's file from another one that takes its place; None where there is
    none."""
    path = sqlite_file.path_of(uri)
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found else None


def _respelt(uri: str) -> str:
    """The same sqlite file under another address:

    MLflow keeps a store open by its address, also where its file was removed.
    """
    path = uri.removeprefix("sqlite:///")
    return f"sqlite:////.{path}" if path.startswith("/") else f"sqlite:///./{path}"


def test_metrics(scores: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    """Means over seeds of what a run has on the test split, under their names in MLflow."""
    return {
        name: sum(found[name] for found in scores) / len(scores) if scores else None
        for name in ("test_accuracy", "test_loss", "test_loss_paper")
    }


def log_paper(recorder: Recorder) -> None:
    """The rows of the paper's Table 7 as runs of an experiment of their own, once."""
    client = recorder.client
    found = client.get_experiment_by_name(PAPER_EXPERIMENT)
    if found.lifecycle_stage != "active":  # its user did not want it
        return
    recorder.check()
    there = {
        run.data.tags.get("regimen.regime"): run
        for run in client.search_runs([found.experiment_id], max_results=100)
    }
    made = found.creation_time / 1000
    for row in paper.TABLE_7:
        run = there.get(row.regime)
        if run is None or run.info.status == "RUNNING":
            recorder.check()
            _log_row(
                recorder,
                row,
                run.info.run_id if run else _start_row(client, found.experiment_id, row),
                made,
            )


def _start_row(client: Any, experiment: str, row: paper.Row) -> str:
    tags = {
        "mlflow.runName": f"paper row {row.index}: {row.name}",
        "regimen.regime": row.regime,
        "regimen.kind": "paper",
    }
    run: str = client.create_run(experiment, tags=tags).info.run_id
    return run


def _log_row(recorder: Recorder, row: paper.Row, run: str, at: float) -> None:
    recorder.metrics(
        run, {"test_accuracy": row.test_accuracy, "test_loss_paper": row.test_loss}, at
    )
    recorder.params(run, paper.HYPERPARAMETERS.get(row.regime, {}))
    recorder.end(run)
