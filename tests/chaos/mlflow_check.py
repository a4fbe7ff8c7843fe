"""How a search's runs in MLflow differ from its journal."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from optuna.trial import FrozenTrial

from search.study import records
from search.study import study as studies
from search.tracking import recorder, store
from search.worker_reports import SYSTEM_METRICS
from tests.chaos.workspace import SEARCH_NAME

STATUS = {"COMPLETE": "FINISHED", "FAIL": "FAILED", "PRUNED": "KILLED"}
"""MLflow's status of a run for Optuna's state of its trial."""

Problem = tuple[str, str]
"""Its kind, and which run, trial or metric has it."""


def mlflow_problems(uri: str, folder: Path) -> Iterator[Problem]:
    """Yield each difference between the store and the journal."""
    client = MlflowClient(tracking_uri=uri)
    study = studies.read_study(folder)
    runs = _runs_of_search(client)
    identity = records.identity(study)
    parents = [
        run
        for run in runs
        if run.data.tags["regimen.kind"] == "search"
        and run.data.tags.get(records.IDENTITY) == identity
    ]
    parent_ids = {run.info.run_id for run in parents}
    children = [
        run
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") in parent_ids
        and run.data.tags["regimen.kind"] != "floor"
    ]
    if len(parents) != 1:
        yield ("MLflow doubled" if parents else "MLflow missing"), f"{len(parents)} parent runs"
    for run in [*parents, *children]:
        if run.info.status == "RUNNING":
            yield "MLflow RUNNING", run.data.tags.get("mlflow.runName", run.info.run_id)
    for run in parents:
        if run.info.status not in ("RUNNING", "FINISHED"):
            yield "MLflow status", f"the parent run is {run.info.status}"
    trials = {trial.number: trial for trial in studies.trials(study)}
    by_number: dict[int, list[Run]] = {number: [] for number in trials}
    for run in children:
        by_number.setdefault(int(run.data.tags["regimen.trial"]), []).append(run)
    for number, runs_of_trial in by_number.items():
        yield from _trial_problems(client, number, trials.get(number), runs_of_trial)


def _runs_of_search(client: MlflowClient) -> list[Run]:
    experiment = client.get_experiment_by_name(store.EXPERIMENT)
    if experiment is None:
        return []
    query = f"tags.`regimen.search` = '{SEARCH_NAME}'"
    return list(client.search_runs([experiment.experiment_id], query, max_results=10000))


def _trial_problems(
    client: MlflowClient, number: int, trial: FrozenTrial | None, runs: list[Run]
) -> Iterator[Problem]:
    """A trial of the journal has one run, with its state and its epochs."""
    expected = 0 if trial is None else 1
    if len(runs) != expected:
        kind = "MLflow doubled" if len(runs) > expected else "MLflow missing"
        yield kind, f"{len(runs)} runs of trial {number}"
    if trial is None:
        return
    for run in runs:
        if run.info.status not in ("RUNNING", STATUS[trial.state.name]):
            state = trial.state.name
            yield "MLflow status", f"trial {number} is {state}, its run {run.info.status}"
        yield from _metric_problems(client, run.info.run_id, number, records.epochs(trial))


def _metric_problems(
    client: MlflowClient, run: str, number: int, epochs: list[dict[str, Any]]
) -> Iterator[Problem]:
    """Each metric has each epoch once, with the journal's value.

    Values about the machine are not compared: a trial that was run twice has two.
    """
    for name in recorder.EPOCH_METRICS:
        expected = {
            epoch["epoch"]: float(epoch[name]) for epoch in epochs if epoch.get(name) is not None
        }
        history = client.get_metric_history(run, name)
        steps = Counter(metric.step for metric in history)
        if twice := [step for step, times in steps.items() if times > 1 or step not in expected]:
            yield "MLflow doubled", f"trial {number}, {name}, epochs {twice}"
        if missing := sorted(expected.keys() - steps.keys()):
            yield "MLflow missing", f"trial {number}, {name}, epochs {missing}"
        if name not in ("seconds", *SYSTEM_METRICS) and any(
            expected.get(metric.step, metric.value) != metric.value for metric in history
        ):
            yield "MLflow status", f"trial {number}, {name} has other values than the journal"
