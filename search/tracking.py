"""MLflow shows a search: a parent run, a nested run a trial, and the paper's rows as runs to compare with.

Everything here is a projection of the study: `sync` logs what MLflow does not have yet, and can be called at any time, any number
of times, also by another process later. Only the driver logs.
"""

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from analysis import paper
from search import study as studies
from search.results import CONFIRMED, TESTED
from search.spec import SearchSpec

EXPERIMENT, PAPER_EXPERIMENT = "regimen", "regimen-paper"
STATUS = {"RUNNING": "RUNNING", "COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "best_accuracy", "learning_rate", "seconds")
MAX_METRICS = 1000
MAX_VALUE = 5000


def tracking_uri(spec: SearchSpec) -> str:
    """Where runs are logged: the flag, the environment, or an sqlite file in the results, by its absolute path."""
    default = f"sqlite:///{Path(spec.results).expanduser().resolve() / 'mlflow.db'}"
    return spec.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or default


def connect(uri: str, results: str) -> Any:
    """An MLflow client with both experiments there. Raises ValueError with one line where no store answers at `uri`."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from mlflow import MlflowClient

    folder = Path(results).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        client = MlflowClient(tracking_uri=uri)
        for name in (EXPERIMENT, PAPER_EXPERIMENT):
            if client.get_experiment_by_name(name) is None:
                local = uri.startswith("sqlite:")
                client.create_experiment(name, artifact_location=(folder / "mlartifacts" / name).as_uri() if local else None)
    except Exception as error:  # requests, sqlalchemy and mlflow each have their own
        raise ValueError(f"no MLflow store answers at '{uri}': {' '.join(str(error).split())[:200]}") from error
    _log_paper(client)
    return client


class Tracker:
    """One search in MLflow. `tags` describe data, model, versions; they stand on every run."""

    def __init__(self, client: Any, spec: SearchSpec, tags: Mapping[str, str]) -> None:
        self.client, self.spec = client, spec
        self.tags = {"regimen.search": str(spec.name), "regimen.regime": spec.regime, **tags}
        self.experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
        self.runs: dict[str, str] = {}
        self.logged: dict[str, int] = {}
        self.ended: set[str] = set()
        self.parent = self._find_or_start()

    def sync(self, study: optuna.Study) -> None:
        """Log whatever of the study MLflow does not have."""
        for trial in studies.trials(study):
            self._sync_trial(trial)
        for number, seeds in list(study.user_attrs.get(CONFIRMED, {}).items()):
            for seed, epochs in seeds.items():
                self._sync_confirmation(study, number, seed, epochs)

    def finish(self, study: optuna.Study, summary: Mapping[str, Any], note: str, *, interrupted: bool) -> None:
        """Log the rest, the results as artifacts and metrics of the parent run, and close it."""
        self.sync(study)
        confirmed, test = summary["confirmed"], summary["test"]
        metrics = {"trial_0_validation_accuracy": summary["paper_config_validation"], "best_validation_accuracy": summary["best_validation"]}
        metrics["confirmed_validation_accuracy"] = sum(confirmed) / len(confirmed) if confirmed else None
        for name, key in (("test_accuracy", "accuracy"), ("test_loss", "loss"), ("test_loss_paper", "paper_loss")):
            metrics[name] = sum(scores[key] for scores in test) / len(test) if test else None
        self._log(self.parent, {name: value for name, value in metrics.items() if value is not None}, step=0)
        self.client.set_tag(self.parent, "mlflow.note.content", note)
        for path in sorted(self.spec.folder.iterdir()):
            if path.suffix in (".json", ".csv", ".yaml", ".md", ".txt", ".html"):
                self.client.log_artifact(self.parent, str(path))
        self.client.set_terminated(self.parent, "KILLED" if interrupted else "FINISHED")

    def _find_or_start(self) -> str:
        """The parent run's id: of the run that this search had before, with what is logged in its children, or of a new one."""
        found = self._search(f"tags.`regimen.search` = '{self.spec.name}' and tags.`regimen.kind` = 'search'")
        if found:
            self.client.update_run(found[0].info.run_id, status="RUNNING")
            for run in self._search(f"tags.`regimen.search` = '{self.spec.name}' and tags.`regimen.kind` != 'search'"):
                key = run.data.tags["regimen.key"]
                self.runs[key] = run.info.run_id
                self.logged[key] = int(run.data.metrics.get("epoch", 0))
                if run.info.status != "RUNNING":
                    self.ended.add(key)
            parent: str = found[0].info.run_id
            return parent
        parent = self._start(str(self.spec.name), "search", {})
        values = {key: value for key, value in vars(self.spec).items() if value not in (None, {})}
        self._params(parent, values)
        return parent

    def _search(self, where: str) -> list[Any]:
        runs: list[Any] = []
        token = None
        while True:
            page = self.client.search_runs([self.experiment], where, max_results=1000, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs

    def _start(self, name: str, kind: str, tags: dict[str, str], started: float | None = None) -> str:
        tags = {**self.tags, "mlflow.runName": name, "regimen.kind": kind, **tags}
        began = int(1000 * (started or time.time()))
        run_id: str = self.client.create_run(self.experiment, start_time=began, tags=tags).info.run_id
        return run_id

    def _params(self, run: str, values: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        self.client.log_batch(run, params=[Param(name, str(value)[:MAX_VALUE]) for name, value in values.items()])

    def _log(self, run: str, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self.client.log_batch(run, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])

    def _epochs(self, key: str, epochs: list[dict[str, Any]]) -> None:
        """The epochs of a run that are not logged yet, in few calls; `epoch` goes with each, and tells later what is there."""
        from mlflow.entities import Metric

        new = [epoch for epoch in epochs if epoch["epoch"] > self.logged.get(key, 0)]
        now = int(1000 * time.time())
        metrics = [
            Metric(name, float(epoch[name]), now, epoch["epoch"])
            for epoch in new
            for name in (*METRICS, "epoch")
            if epoch[name] is not None
        ]
        for start in range(0, len(metrics), MAX_METRICS):
            self.client.log_batch(self.runs[key], metrics=metrics[start : start + MAX_METRICS])
        if new:
            self.logged[key] = new[-1]["epoch"]

    def _sync_trial(self, trial: FrozenTrial) -> None:
        key = f"trial {trial.number}"
        if key in self.ended:
            return
        if key not in self.runs:
            tags = {"mlflow.parentRunId": self.parent, "regimen.trial": str(trial.number), "regimen.key": key}
            began = trial.datetime_start.timestamp() if trial.datetime_start else None
            self.runs[key] = self._start(f"{self.spec.regime} {trial.number:03d}", "trial", tags, began)
            self._params(self.runs[key], {**trial.user_attrs[studies.CONFIG], "seed": self.spec.seed, "epochs": self.spec.epochs})
        epochs = studies.epochs(trial)
        self._epochs(key, epochs)
        if trial.state.is_finished():
            self._end_trial(key, trial, epochs)

    def _end_trial(self, key: str, trial: FrozenTrial, epochs: list[dict[str, Any]]) -> None:
        """Close a trial's run under a name that tells its end: `supcon 007 · 0.8731`, `supcon 008 · pruned after 3`."""
        run, state = self.runs[key], trial.state.name
        how = {"COMPLETE": f"{trial.value or 0:.4f}", "PRUNED": f"pruned after {len(epochs)}", "FAIL": "failed"}[state]
        self.client.set_tag(run, "mlflow.runName", f"{self.spec.regime} {trial.number:03d} · {how}")
        self.client.set_tag(run, "regimen.state", state)
        if studies.REASON in trial.user_attrs:
            self.client.set_tag(run, "regimen.reason", trial.user_attrs[studies.REASON])
        if state == "COMPLETE" and trial.value is not None:
            self._log(run, {"score": trial.value}, step=0)
        ended = int(1000 * trial.datetime_complete.timestamp()) if trial.datetime_complete else None
        self.client.set_terminated(run, STATUS[state], end_time=ended)
        self.ended.add(key)

    def _sync_confirmation(self, study: optuna.Study, number: str, seed: str, epochs: list[dict[str, Any]]) -> None:
        """A run on a fresh seed, nested in its trial's run; the winner's has test scores, which arrive later."""
        key = f"trial {number} seed {seed}"
        if key in self.ended or f"trial {number}" not in self.runs:
            return
        if key not in self.runs:
            tags = {"mlflow.parentRunId": self.runs[f"trial {number}"], "regimen.trial": number, "regimen.key": key}
            self.runs[key] = self._start(f"{self.spec.regime} {int(number):03d} seed {seed}", "confirmation", tags)
            config = study.get_trials(deepcopy=False)[int(number)].user_attrs[studies.CONFIG]
            self._params(self.runs[key], {**config, "seed": seed, "epochs": self.spec.epochs})
        self._epochs(key, epochs)
        winner, tested = study.user_attrs.get("winner"), study.user_attrs.get(TESTED, {})
        if winner is None or (str(winner) == number and study.user_attrs.get("test_follows") and seed not in tested):
            return
        if str(winner) == number and seed in tested:
            scores = tested[seed]
            self._log(
                self.runs[key],
                {"test_accuracy": scores["accuracy"], "test_loss": scores["loss"], "test_loss_paper": scores["paper_loss"]},
                step=0,
            )
        self._log(self.runs[key], {"score": epochs[-1]["best_accuracy"]}, step=0)
        self.client.set_terminated(self.runs[key], "FINISHED")
        self.ended.add(key)


def _log_paper(client: Any) -> None:
    """The rows of the paper's Table 7 as runs of an experiment of their own, once."""
    from mlflow.entities import Metric, Param

    experiment = client.get_experiment_by_name(PAPER_EXPERIMENT).experiment_id
    there = {run.data.tags.get("regimen.regime") for run in client.search_runs([experiment], max_results=100)}
    now = int(1000 * time.time())
    for row in paper.TABLE_7:
        if row.regime in there:
            continue
        tags = {"mlflow.runName": f"paper row {row.index}: {row.name}", "regimen.regime": row.regime, "regimen.kind": "paper"}
        run = client.create_run(experiment, tags=tags).info.run_id
        metrics = [Metric("test_accuracy", row.test_accuracy, now, 0), Metric("test_loss_paper", row.test_loss, now, 0)]
        params = [Param(name, str(value)) for name, value in paper.HYPERPARAMETERS.get(row.regime, {}).items()]
        client.log_batch(run, metrics=metrics, params=params)
        client.set_terminated(run, "FINISHED")
