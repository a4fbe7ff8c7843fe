"""The searches that a folder of results holds, with their files checked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any

import pandas

from analysis.hyperparameters.numbers import Space, read_space
from analysis.mistakes.numbers import read_predictions
from analysis.read.files import checked, read_csv, read_json, whole
from analysis.read.scores import final_scores

SPEC, TRIALS, EPOCHS, SUMMARY = "spec.json", "trials.csv", "epochs.csv", "summary.json"
SPACE, IMPORTANCES, PREDICTIONS = "space.json", "importances.csv", "predictions.csv"
STATES = ("COMPLETE", "PRUNED", "FAIL", "RUNNING")
NUMBER = (int, float)
SPEC_FIELDS = {
    "name": str,
    "regime": str,
    "data": str,
    "model": str,
    "trials": int,
    "epochs": int,
    "seed": int,
}
SUMMARY_FIELDS: dict[str, Any] = {
    "name": str,
    "regime": str,
    "data": str,
    "model": str,
    "encoder_is_papers": bool,
    "comparable": bool,
    "why_not": (str, NoneType),
    "epochs": int,
    "states": dict,
    "seconds": NUMBER,
    "paper_config_validation_accuracy": (*NUMBER, NoneType),
    "best_trial": (int, NoneType),
    "best_validation_accuracy": (*NUMBER, NoneType),
    "winner_trial": (int, NoneType),
    "confirmed_accuracy": list,
    "test": list,
    "batch_size": (int, NoneType),
    "test_size": (int, NoneType),
    "last_contrastive_loss": (dict, NoneType),
}
RUN_FIELDS = {"test_accuracy": NUMBER, "test_loss": NUMBER, "test_loss_paper": NUMBER}
"""Of one run in `test`."""
TRIAL_COLUMNS = ("number", "validation_accuracy", "best_validation_accuracy", "epochs", "seconds")
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
"""The columns that are numbers."""


@dataclass(frozen=True)
class Search:
    """One search as its folder has it."""

    spec: Mapping[str, Any]
    trials: pandas.DataFrame
    """A row a trial; hyperparameters are text in `config.*`, missing where they are none; `score`
    is what `analysis.read.scores` gives."""
    epochs: pandas.DataFrame
    """A row a reported epoch."""
    summary: Mapping[str, Any]
    """summary.json; where there is none yet, what the trials say."""
    finished: bool
    """Whether there is a summary.json."""
    space: Space
    """The ranges that the search chose from; empty where the folder has none yet."""
    importances: pandas.DataFrame
    """`name`, `importance` (a share of 1) and `trials`; empty where too few trials came to their
    full budget."""
    predictions: pandas.DataFrame
    """The winner's on validation, as `analysis.mistakes.numbers` reads them; empty where it was not
    confirmed."""


def searches(results: Path) -> list[Search]:
    """The search in this folder, or those in the folders under it, by name.

    Raises ValueError where there is none.
    """
    if not results.is_dir():
        raise ValueError(f"no folder '{results}'")
    folders = (
        [results]
        if _is_search(results)
        else sorted(path for path in results.iterdir() if path.is_dir() and _is_search(path))
    )
    if not folders:
        raise ValueError(f"no search in '{results}': neither it nor a folder in it has a {SPEC}")
    found = [search(folder) for folder in folders]
    if len({one.summary["name"] for one in found}) < len(
        found
    ):  # a folder was copied: its own name tells it from the other
        return [_called(folder.name, one) for folder, one in zip(folders, found)]
    return found


def _called(name: str, search: Search) -> Search:
    return replace(
        search, spec={**search.spec, "name": name}, summary={**search.summary, "name": name}
    )


def search(folder: Path) -> Search:
    """Read one search's folder. Raises ValueError for a file that is missing or damaged."""
    spec = checked(folder / SPEC, read_json(folder / SPEC), SPEC_FIELDS)
    finished = (folder / SUMMARY).exists()
    trials = read_csv(folder / TRIALS, TRIAL_COLUMNS, ("state", "reason"), needed=finished)
    epochs = read_csv(folder / EPOCHS, EPOCH_COLUMNS, ("kind", "stage"), needed=finished)
    if unknown := set(trials["state"]) - set(STATES):
        raise ValueError(
            f"'{folder / TRIALS}' is damaged: state is one of {', '.join(STATES)}; got"
            f" {min(map(str, unknown))!r}"
        )
    whole(folder / TRIALS, trials, "number")
    whole(folder / EPOCHS, epochs, "trial", "epoch")
    if trials["number"].duplicated().any():
        raise ValueError(f"'{folder / TRIALS}' is damaged: it has a trial twice")
    if trials.loc[trials["state"] == "COMPLETE", "validation_accuracy"].isna().any():
        raise ValueError(
            f"'{folder / TRIALS}' is damaged: a COMPLETE trial has no validation_accuracy"
        )
    trials = trials.assign(score=final_scores(trials, epochs))
    summary = _summary(folder / SUMMARY) if finished else provisional(spec, trials)
    importances = read_csv(folder / IMPORTANCES, ("importance", "trials"), ("name",), needed=False)
    space, predictions = read_space(folder / SPACE), read_predictions(folder / PREDICTIONS)
    return Search(spec, trials, epochs, summary, finished, space, importances, predictions)


def provisional(spec: Mapping[str, Any], trials: pandas.DataFrame) -> dict[str, Any]:
    """The summary of a search that has not come to its end, as far as its trials can tell."""
    complete = trials[trials["state"] == "COMPLETE"].sort_values(
        ["validation_accuracy", "number"], ascending=[False, True]
    )
    scores = {
        int(number): float(score)
        for number, score in zip(complete["number"], complete["validation_accuracy"])
    }
    best = next(iter(scores), None)
    return {
        **{name: None for name in SUMMARY_FIELDS},
        **{name: spec[name] for name in ("name", "regime", "data", "model", "epochs")},
        "comparable": False,
        "why_not": "the search has not come to its end",
        "states": {state: int((trials["state"] == state).sum()) for state in STATES},
        "seconds": float(trials["seconds"].sum()),
        "paper_config_validation_accuracy": scores.get(0),
        "best_trial": best,
        "best_validation_accuracy": None if best is None else scores[best],
        "confirmed_accuracy": [],
        "test": [],
    }


def _is_search(folder: Path) -> bool:
    return any((folder / name).exists() for name in (SPEC, TRIALS, SUMMARY))


def _summary(path: Path) -> Mapping[str, Any]:
    summary = checked(path, read_json(path), SUMMARY_FIELDS)
    for score in summary["confirmed_accuracy"]:
        checked(path, {"confirmed_accuracy": score}, {"confirmed_accuracy": NUMBER})
    for run in summary["test"]:
        checked(path, run, RUN_FIELDS)
    checked(path, summary["states"], {state: int for state in summary["states"]})
    if summary["last_contrastive_loss"] is not None:
        checked(path, summary["last_contrastive_loss"], {"sum": NUMBER, "mean": NUMBER})
    return summary
