"""The rows of the paper's Table 7 as MLflow runs, in an experiment of their own."""

from typing import Any

from analysis import paper
from search.tracking.recorder import NOTE_TAG, Recorder
from search.tracking.store import PAPER_EXPERIMENT


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
        if run is not None and run.info.run_name == f"paper row {row.index}: {row.name}":
            recorder.set_tags(run.info.run_id, {"mlflow.runName": row_name(row)})  # an earlier name
        if run is None or run.info.status == "RUNNING":
            recorder.check()
            at = experiment.creation_time / 1000
            run_id = run.info.run_id if run else _start(client, experiment.experiment_id, row, at)
            _log(recorder, row, run_id, at)


def row_name(row: paper.PaperRow) -> str:
    """The name of a row's run: `paper · supcon · 87.4`."""
    return f"paper · {row.regime} · {100 * row.test_accuracy:.1f}"


def _start(client: Any, experiment: str, row: paper.PaperRow, at: float) -> str:
    tags = {
        "mlflow.runName": row_name(row),
        "mlflow.source.name": "Table 7",
        NOTE_TAG: f"Row {row.index} of Table 7, {row.name}. {paper.CITATION}",
        "data": "MASSIVE English",
        "model": paper.ENCODER,
        "regimen.state": "PUBLISHED",
        "regimen.regime": row.regime,
        "regimen.kind": "paper",
    }
    run: str = client.create_run(experiment, start_time=round(1000 * at), tags=tags).info.run_id
    return run


def _log(recorder: Recorder, row: paper.PaperRow, run: str, at: float) -> None:
    metrics = {"test_accuracy": row.test_accuracy, "test_loss_paper": row.test_loss}
    recorder.metrics(run, metrics, at)
    recorder.params(run, paper.HYPERPARAMETERS.get(row.regime, {}))
    recorder.end(run, ended=at)
