"""The rows of the paper's Table 7 as MLflow runs, in an experiment of their own."""

from typing import Any

from analysis import paper
from search.tracking.recorder import PAPER_EXPERIMENT, Recorder


def log_paper(recorder: Recorder) -> None:
    """Log the rows that MLflow lacks. Nothing if the user has deleted the experiment."""
    client = recorder.client
    experiment = client.get_experiment_by_name(PAPER_EXPERIMENT)
    if experiment.lifecycle_stage != "active":
        return
    recorder.check()
    runs = client.search_runs([experiment.experiment_id], max_results=100)
    by_regime = {run.data.tags.get("regimen.regime"): run for run in runs}
    for row in paper.TABLE_7:
        run = by_regime.get(row.regime)
        if run is None or run.info.status == "RUNNING":
            recorder.check()
            run_id = run.info.run_id if run else _start(client, experiment.experiment_id, row)
            _log(recorder, row, run_id, experiment.creation_time / 1000)


def _start(client: Any, experiment: str, row: paper.Row) -> str:
    tags = {
        "mlflow.runName": f"paper row {row.index}: {row.name}",
        "regimen.regime": row.regime,
        "regimen.kind": "paper",
    }
    run: str = client.create_run(experiment, tags=tags).info.run_id
    return run


def _log(recorder: Recorder, row: paper.Row, run: str, at: float) -> None:
    metrics = {"test_accuracy": row.test_accuracy, "test_loss_paper": row.test_loss}
    recorder.metrics(run, metrics, at)
    recorder.params(run, paper.HYPERPARAMETERS.get(row.regime, {}))
    recorder.end(run)
