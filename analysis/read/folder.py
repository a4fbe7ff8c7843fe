"""The searches in a results folder, with every file checked."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas

from analysis.metric import WORDS, Metric, best_validation_field, validation_field
from analysis.read.correct import Correct, read_correct
from analysis.read.earlier import translate_epochs, translate_trials
from analysis.read.files import check_whole_numbers, checked_fields, read_csv, read_json
from analysis.read.predictions import read_predictions
from analysis.read.problems import read_problems
from analysis.read.scores import run_scores, scored
from analysis.read.space import Space, read_space
from analysis.read.summary import Summary
from analysis.text import data_name

SPEC_FILE, SUMMARY_FILE = "spec.json", "summary.json"
TRIALS_FILE, EPOCHS_FILE = "trials.csv", "epochs.csv"
SPACE_FILE, IMPORTANCES_FILE, PREDICTIONS_FILE = "space.json", "importances.csv", "predictions.csv"
CORRECT_FILE, PROBLEMS_FILE = "correct.csv", "data_problems.csv"
TABLE_FILE, SPACE_TABLE_FILE, RECIPE_FILE = "table.md", "space.md", "best.yaml"
REPORT_FILE = "report.html"
FILES = (
    SPEC_FILE,
    TRIALS_FILE,
    EPOCHS_FILE,
    SUMMARY_FILE,
    SPACE_FILE,
    IMPORTANCES_FILE,
    PREDICTIONS_FILE,
    CORRECT_FILE,
    PROBLEMS_FILE,
    TABLE_FILE,
    SPACE_TABLE_FILE,
    RECIPE_FILE,
)
"""What a search writes beside its journal and its report. MLflow gets these files, and no others
that are in the folder."""
STATES = ("COMPLETE", "PRUNED", "FAIL", "RUNNING")
CONFIG_PREFIX = "config."
"""Prefix of the hyperparameter columns of trials.csv."""
SPEC_FIELDS = {
    "name": str,
    "regime": str,
    "data": str,
    "model": str,
    "trials": int,
    "epochs": int,
    "seed": int,
}
TRIAL_COLUMNS = ("number", "best_validation_accuracy", "epochs", "seconds")
"""The numeric columns of trials.csv that every version wrote."""
EPOCH_COLUMNS = (
    "trial",
    "seed",
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
)
"""The numeric columns of epochs.csv that every version wrote."""


@dataclass(frozen=True, eq=False)
class Search:
    """One search, as its folder has it. Equal to itself only, so that functions of it can keep
    what they found."""

    spec: Mapping[str, Any]
    """What the user asked for: spec.json."""
    trials: pandas.DataFrame
    """A row per trial. Hyperparameters are text in `config.*`, NaN where None. Scores by the
    metric are added by `analysis.read.scores`."""
    epochs: pandas.DataFrame
    """A row per reported epoch."""
    summary: Summary
    """summary.json; while there is none, the summary of the trials so far."""
    finished: bool
    """Whether there is a summary.json."""
    space: Space
    """What the search sampled from; empty if the folder does not have it yet."""
    importances: pandas.DataFrame
    """`name`, `importance` (fraction of the variance) and `trials`; empty if too few trials
    completed."""
    predictions: pandas.DataFrame
    """The winner's predictions on validation; empty without report runs."""
    correct: Correct
    """Which sentences the runs got right, as far as that is recorded."""
    problems: pandas.DataFrame | None
    """Problems of the data; None where they were not looked for."""
    folder: Path
    """Where all this was read."""


def read_searches(results: Path) -> list[Search]:
    """The search in this folder, or those in its subfolders, sorted by folder name.

    Searches by different metrics are all read by their accuracies. Raises ValueError where there is
    none, or a file of one is missing or damaged.
    """
    if not results.is_dir():
        raise ValueError(f"no folder '{results}'")
    folders = (
        [results]
        if is_search(results)
        else sorted(path for path in results.iterdir() if path.is_dir() and is_search(path))
    )
    if not folders:
        raise ValueError(
            f"no search in '{results}': neither it nor a folder in it has a {SPEC_FILE}"
        )
    searches = [read_search(folder) for folder in folders]
    if len({search.summary.metric for search in searches}) > 1:
        searches = [read_search(folder, "accuracy") for folder in folders]
    if len({search.summary.name for search in searches}) < len(searches):
        # A folder was copied. Folder names are unique, so they replace the searches' names.
        return [_named(folder.name, search) for folder, search in zip(folders, searches)]
    return searches


def read_search(folder: Path, metric: Metric | None = None) -> Search:
    """One search's folder. Its scores are those of its own metric, unless another is given.

    Raises ValueError for a missing or damaged file.
    """
    spec = checked_fields(folder / SPEC_FILE, read_json(folder / SPEC_FILE), SPEC_FIELDS)
    fields = checked_fields(folder / SPEC_FILE, {"metric": "accuracy", **spec}, {"metric": Metric})
    own = fields["metric"]
    by = metric or own
    # A search that runs may write meanwhile, the summary last: read it first, and its winner is
    # among the trials.
    finished = (folder / SUMMARY_FILE).exists()
    summary = read_summary(folder) if finished else None
    trials = _read_trials(folder / TRIALS_FILE, best_validation_field(by), required=finished)
    epochs = read_csv(
        folder / EPOCHS_FILE,
        tuple(dict.fromkeys((*EPOCH_COLUMNS, validation_field(by)))),
        ("kind", "stage"),
        required=finished,
        translate=translate_epochs,
    )
    check_whole_numbers(folder / EPOCHS_FILE, epochs, "trial", "epoch")
    trials, epochs = scored(trials, epochs, by)
    summary = replace(summary or provisional(spec, trials, own), metric=by)
    for trial in {summary.best_trial, summary.winner_trial} - {None, *trials["number"]}:
        raise ValueError(
            f"'{folder / TRIALS_FILE}' is damaged: it lacks trial {trial}, the best one"
        )
    if by == "accuracy" and not summary.choice_runs:
        summary = replace(summary, choice_runs=_choice_runs(epochs))
    return Search(
        spec=spec,
        trials=trials,
        epochs=epochs,
        summary=summary,
        finished=finished,
        space=read_space(folder / SPACE_FILE),
        importances=read_csv(
            folder / IMPORTANCES_FILE, ("importance", "trials"), ("name",), required=False
        ),
        predictions=read_predictions(folder / PREDICTIONS_FILE),
        correct=read_correct(folder / CORRECT_FILE, summary.winner_trial),
        problems=read_problems(folder / PROBLEMS_FILE),
        folder=folder,
    )


def read_summary(folder: Path) -> Summary:
    """A finished search's outcome. Raises ValueError if its file is missing or damaged."""
    return Summary.from_dict(read_json(folder / SUMMARY_FILE), folder / SUMMARY_FILE)


def read_outcomes(results: Path) -> list[tuple[Summary, Correct]]:
    """The finished searches in a results folder, without their trials; damaged ones are left
    out."""
    outcomes = []
    for path in sorted(results.glob(f"*/{SUMMARY_FILE}")):
        with contextlib.suppress(ValueError):
            # A folder may have been renamed or copied.
            summary = replace(read_summary(path.parent), name=path.parent.name)
            outcomes.append(
                (summary, read_correct(path.with_name(CORRECT_FILE), summary.winner_trial))
            )
    return outcomes


def _choice_runs(epochs: pandas.DataFrame) -> dict[str, tuple[float, ...]]:
    """The accuracies of the choice runs by trial, for the summaries of earlier versions."""
    by_trial = run_scores(epochs, "choice").groupby(level="trial")
    return {f"{trial:.0f}": tuple(accuracies) for trial, accuracies in by_trial}


def provisional(spec: Mapping[str, Any], trials: pandas.DataFrame, metric: Metric) -> Summary:
    """The summary of an unfinished search, as far as its trials tell."""
    complete = trials[trials["state"] == "COMPLETE"]
    if not complete.empty:  # Without a trial there may be no column of the metric.
        complete = complete.sort_values(
            [best_validation_field(metric), "number"], ascending=[False, True]
        )
    best = None if complete.empty else int(complete["number"].iloc[0])
    return Summary(
        metric=metric,
        **{name: spec[name] for name in ("name", "regime", "model", "epochs")},
        data=data_name(spec),
        epoch_size=spec.get("epoch_size"),
        folds=spec.get("folds"),
        encoder_is_papers=None,
        comparable=False,
        why_not="the search has not finished",
        states={state: int((trials["state"] == state).sum()) for state in STATES},
        seconds=float(trials["seconds"].sum()),
        best_trial=best,
        paper_config_validation_accuracy=_score(complete, 0, "accuracy"),
        paper_config_validation_macro_f1=_score(complete, 0, "macro_f1"),
        best_validation_accuracy=_score(complete, best, "accuracy"),
        best_validation_macro_f1=_score(complete, best, "macro_f1"),
        winner_trial=None,
        confirmed_accuracy=(),
        test=(),
        batch_size=None,
        test_size=None,
        last_contrastive_loss=None,
    )


def _score(complete: pandas.DataFrame, trial: int | None, metric: Metric) -> float | None:
    """A completed trial's score; None without one, or where trials have none by this metric."""
    if best_validation_field(metric) not in complete:
        return None
    scores = complete[complete["number"] == trial][best_validation_field(metric)].dropna()
    return None if scores.empty else float(scores.iloc[0])


def _read_trials(path: Path, score: str, *, required: bool) -> pandas.DataFrame:
    """trials.csv, in which every COMPLETE trial has a `score`."""
    numeric = tuple(dict.fromkeys((*TRIAL_COLUMNS, score)))
    trials = read_csv(
        path, numeric, ("state", "reason"), required=required, translate=translate_trials
    )
    for name in set(map(best_validation_field, WORDS)) & set(trials):
        trials[name] = pandas.to_numeric(trials[name], errors="coerce")
    if unknown := set(trials["state"]) - set(STATES):
        raise ValueError(
            f"'{path}' is damaged: state must be one of {', '.join(STATES)}; got"
            f" {min(map(str, unknown))!r}"
        )
    check_whole_numbers(path, trials, "number")
    if trials["number"].duplicated().any():
        raise ValueError(f"'{path}' is damaged: it has a trial twice")
    complete = trials["state"] == "COMPLETE"
    if trials.loc[complete, score].isna().any():
        raise ValueError(f"'{path}' is damaged: a COMPLETE trial has no {score}")
    return trials


def is_search(folder: Path) -> bool:
    """Whether a search has written a file here."""
    return any((folder / name).exists() for name in (SPEC_FILE, TRIALS_FILE, SUMMARY_FILE))


def _named(name: str, search: Search) -> Search:
    return replace(
        search, spec={**search.spec, "name": name}, summary=replace(search.summary, name=name)
    )
