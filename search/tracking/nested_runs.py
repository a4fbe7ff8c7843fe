"""The runs nested in a search's run: its trials, with their full runs in them, and its floors."""

import optuna
from optuna.trial import FrozenTrial, TrialState

from analysis.metric import run_score, validation_field
from search.study import records
from search.study.study import trials
from search.tracking.logged_run import LoggedRun
from search.tracking.recorder import STATE_TAG
from search.tracking.result_metrics import floor_metrics, percent_number, test_metrics
from search.tracking.runs import SearchRuns
from search.worker_reports import ENDED_AT, STARTED_AT

STATUS = {"RUNNING": "RUNNING", "COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
"""MLflow's status of a run, by the state of its trial."""


def logged_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that have a run: started ones, and queued ones that have epochs already."""
    queued = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    return trials(study) + [
        trial for trial in queued if records.CONFIG.recorded(trial) and records.epochs(trial)
    ]


def trial_key(number: int) -> str:
    """The key of a trial's run."""
    return f"trial {number}"


def log_trials(runs: SearchRuns, study: optuna.Study, search: LoggedRun, *, live: bool) -> None:
    """Log what MLflow lacks of the trials; `live`: those that run go on."""
    for trial in logged_trials(study):
        key = trial_key(trial.number)
        if key not in runs.nested or not runs.nested[key].done:
            _log_trial(runs, key, trial, search, live)


def log_full_runs(runs: SearchRuns, study: optuna.Study) -> None:
    """Log what MLflow lacks of the runs that chose the winner, and of the reported ones."""
    for kind, attribute in (("choice", records.CHOICE_RUNS), ("report", records.REPORT_RUNS)):
        for number, by_seed in attribute.read(study).items():
            for seed, epochs in by_seed.items():
                _log_full_run(runs, study, kind, number, seed, epochs)


def log_floors(runs: SearchRuns, study: optuna.Study, search: LoggedRun) -> None:
    """Log what MLflow lacks of the floors."""
    for regime, record in records.FLOORS.read(study).items():
        _log_floor(runs, regime, record, search)


def _log_trial(
    runs: SearchRuns, key: str, trial: FrozenTrial, search: LoggedRun, live: bool
) -> None:
    epochs = records.epochs(trial)
    started = trial.datetime_start.timestamp() if trial.datetime_start else search.started
    # Optuna forgets when an earlier attempt started.
    started = min([started, *(epoch[STARTED_AT] for epoch in epochs if STARTED_AT in epoch)])
    run = runs.nested.get(key)
    if run is None:
        name = f"{runs.spec.regime} {trial.number:03d}"
        run = runs.start(key, name, "trial", started, _trial_tag(trial), search.id)
    _log_training(runs, run, trial, runs.spec.seed, epochs)
    if trial.state.is_finished():
        _finish_trial(runs, key, run, trial, epochs)
    elif live and trial.state == TrialState.RUNNING:
        run.reopen()


def _log_training(
    runs: SearchRuns, run: LoggedRun, trial: FrozenTrial, seed: int, epochs: list[records.Record]
) -> None:
    """The configuration that a run trains, and the epochs so far."""
    if not run.described:
        run.log_data()
        values = {**records.CONFIG.read(trial), "seed": seed, "epochs": runs.spec.epochs}
        if (size := runs.spec.sentences_per_epoch) is not None:
            values["epoch_size"] = size
        run.log_params(values)
    run.log_epochs(epochs)


def _finish_trial(
    runs: SearchRuns,
    key: str,
    run: LoggedRun,
    trial: FrozenTrial,
    epochs: list[records.Record],
) -> None:
    """End a trial's run, with its result in the name: `supcon 007 · 87.3`."""
    state = trial.state.name
    result = {
        "COMPLETE": percent_number(trial.value or 0.0),
        "PRUNED": f"pruned after {len(epochs)}",
        "FAIL": "failed",
    }[state]
    name = f"{runs.spec.regime} {trial.number:03d} · {result}"
    tags = {STATE_TAG: state, **runs.name_tags(run, key, name)}
    if failure := records.FAILURE.read(trial):
        tags["regimen.reason"] = failure
    ended = trial.datetime_complete.timestamp() if trial.datetime_complete else run.last
    run.finish(STATUS[state], {}, tags, ended)


def _log_full_run(
    runs: SearchRuns,
    study: optuna.Study,
    kind: str,
    number: int,
    seed: int,
    epochs: list[records.Record],
) -> None:
    """A full run, nested in its trial's run. Test scores arrive later."""
    key, parent = f"{trial_key(number)} seed {seed}", runs.nested.get(trial_key(number))
    run = runs.nested.get(key)
    if parent is None or (run is not None and run.done):
        return
    trial = study.get_trials(deepcopy=False)[number]
    ended = trial.datetime_complete.timestamp() if trial.datetime_complete else parent.last
    name = f"{runs.spec.regime} {number:03d} {kind} seed {seed}"
    if run is None:
        started = epochs[0].get(STARTED_AT, ended)
        run = runs.start(key, name, kind, started, _trial_tag(trial), parent.id)
    _log_training(runs, run, trial, seed, epochs)
    scores = records.TEST_SCORES.of(study, number).get(seed)
    wins = kind == "report" and records.WINNER.read(study) == number
    if wins and scores is None and records.TEST_EXPECTED.read(study):
        return
    tags = {STATE_TAG: "COMPLETE"}
    if epochs:
        tags["mlflow.runName"] = f"{name} · {percent_number(run_score(epochs, runs.spec.metric))}"
    run.finish("FINISHED", test_metrics([scores] if scores else []), tags, run.last)


def _log_floor(runs: SearchRuns, regime: str, record: records.Record, search: LoggedRun) -> None:
    """A floor's run. Its test scores arrive later."""
    key = f"floor {regime}"
    run = runs.nested.get(key)
    name = f"{key} · {percent_number(record[validation_field(runs.spec.metric)])}"
    if run is None:
        tags = {"regimen.regime": regime}
        run = runs.start(key, name, "floor", record[STARTED_AT], tags, search.id)
    if not run.described:
        run.log_data()
        run.log_params({**record["config"], "seed": runs.spec.seed})
    run.last = record[ENDED_AT]
    tags = {STATE_TAG: "COMPLETE", **runs.name_tags(run, key, name)}
    run.finish("FINISHED", floor_metrics(record), tags, run.last)


def _trial_tag(trial: FrozenTrial) -> dict[str, str]:
    return {"regimen.trial": str(trial.number)}
