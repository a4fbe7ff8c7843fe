"""MLflow's store, reached through one thin client: runs started, filled in few calls, and ended."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis import paper

EXPERIMENT, PAPER_EXPERIMENT = "regimen", "regimen-paper"
METRICS = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "best_accuracy",
    "learning_rate",
    "seconds",
)
MAX_METRICS = 1000
MAX_VALUE = 5000


def tracking_uri(uri: str | None, results: str) -> str:
    """Where runs are logged: the flag, the environment, or an sqlite file in the results, by its absolute path."""
    default = f"sqlite:///{Path(results).expanduser().resolve() / 'mlflow.db'}"
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or default


def connect(uri: str, results: str) -> Any:
    """An MLflow client with both experiments there. Raises ValueError with one line where no store answers at `uri`."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)

    folder = Path(results).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        client = MlflowClient(tracking_uri=uri)
        for name in (EXPERIMENT, PAPER_EXPERIMENT):
            if client.get_experiment_by_name(name) is None:
                local = uri.startswith("sqlite:")
                client.create_experiment(name, artifact_location=(folder / "mlartifacts" / name).as_uri() if local else None)
        if client.get_experiment_by_name(EXPERIMENT).lifecycle_stage != "active":
            raise ValueError(f"its experiment '{EXPERIMENT}' was deleted; restore it with `mlflow experiments restore`")
        _log_paper(client)
    except Exception as error:  # the file system, requests, sqlalchemy and mlflow each have their own
        raise ValueError(f"MLflow cannot record at '{uri}': {' '.join(str(error).split())[:200]}") from error
    return client


class Recorder:
    """Writes runs of one experiment. `tags` stand on every run that it starts."""

    def __init__(self, client: Any, tags: Mapping[str, str]) -> None:
        self.client, self.tags = client, dict(tags)
        self.experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id

    def search(self, where: str) -> list[Any]:
        """Every run that a filter finds."""
        runs: list[Any] = []
        token = None
        while True:
            page = self.client.search_runs([self.experiment], where, max_results=1000, page_token=token)
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
        nested = {"mlflow.parentRunId": parent} if parent else {}
        every = {**self.tags, "mlflow.runName": name, "regimen.kind": kind, **nested, **(tags or {})}
        run: str = self.client.create_run(self.experiment, start_time=int(1000 * (began or time.time())), tags=every).info.run_id
        return run

    def params(self, run: str, values: Mapping[str, Any]) -> None:
        """Parameters, in one call."""
        from mlflow.entities import Param

        self.client.log_batch(run, params=[Param(name, str(value)[:MAX_VALUE]) for name, value in values.items()])

    def metrics(self, run: str, values: Mapping[str, float | None]) -> None:
        """Figures of the whole run, in one call; None is left out."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        known = [Metric(name, value, now, 0) for name, value in values.items() if value is not None]
        if known:
            self.client.log_batch(run, metrics=known)

    def epochs(self, run: str, epochs: list[dict[str, Any]], after: int = 0) -> int:
        """The epochs above `after`, in few calls; returns the last one's number. `epoch` goes with each, and tells later what is there."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        new = [epoch for epoch in epochs if epoch["epoch"] > after]
        names = (*METRICS, "epoch")
        metrics = [Metric(name, float(epoch[name]), now, epoch["epoch"]) for epoch in new for name in names if epoch[name] is not None]
        for start in range(0, len(metrics), MAX_METRICS):
            self.client.log_batch(run, metrics=metrics[start : start + MAX_METRICS])
        return new[-1]["epoch"] if new else after

    def end(self, run: str, status: str = "FINISHED", ended: float | None = None) -> None:
        """Close a run: FINISHED, KILLED or FAILED; `ended` in seconds since 1970."""
        self.client.set_terminated(run, status, end_time=None if ended is None else int(1000 * ended))


def test_metrics(scores: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    """Means over seeds of what a run has on the test split, under their names in MLflow."""
    names = {"test_accuracy": "accuracy", "test_loss": "loss", "test_loss_paper": "paper_loss"}
    return {name: sum(found[key] for found in scores) / len(scores) if scores else None for name, key in names.items()}


def _log_paper(client: Any) -> None:
    """The rows of the paper's Table 7 as runs of an experiment of their own, once."""
    from mlflow.entities import Metric, Param

    found = client.get_experiment_by_name(PAPER_EXPERIMENT)
    if found.lifecycle_stage != "active":  # its user did not want it
        return
    experiment = found.experiment_id
    there = {run.data.tags.get("regimen.regime") for run in client.search_runs([experiment], max_results=100)}
    now = int(1000 * time.time())
    for row in paper.TABLE_7:
        if row.regime in there:
            continue
        tags = {
            "mlflow.runName": f"paper row {row.index}: {row.name}",
            "regimen.regime": row.regime,
            "regimen.kind": "paper",
        }
        run = client.create_run(experiment, tags=tags).info.run_id
        metrics = [Metric("test_accuracy", row.test_accuracy, now, 0), Metric("test_loss_paper", row.test_loss, now, 0)]
        params = [Param(name, str(value)) for name, value in paper.HYPERPARAMETERS.get(row.regime, {}).items()]
        client.log_batch(run, metrics=metrics, params=params)
        client.set_terminated(run, "FINISHED")
