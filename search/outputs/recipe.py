"""The recipe: a configuration as YAML, with all that is needed to train it again.

`search.export` writes it from a search's study, `search.train` reads it.
"""

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import optuna
import yaml
from optuna.trial import FrozenTrial

from analysis.command import user_path
from analysis.metric import (
    Metric,
    best_validation_field,
    choice_field,
    confirmed_field,
    run_score,
    validation_field,
)
from analysis.read.earlier import RECIPE_NAMES, TEST_NAMES, renamed
from search.outputs.provenance import commit, versions
from search.outputs.tables import summarise
from search.spec import MAX_FOLDS, SearchSpec
from search.study import records
from search.study import study as studies
from search.study.winner_records import reported_runs, reported_runs_chose, test_scores
from trainables.parts.config import Count, Range, checked
from trainables.parts.data.reading import reading_from
from trainables.parts.model.encoder import Precision
from trainables.parts.quote import error_text, quoted

REQUIRED = (
    "regime",
    "config",
    "epochs",
    "data",
    "model",
    "max_tokens",
    "precision",
    "threads",
    "device",
)
TYPES = {
    "config": dict,
    "data": dict,
    "data.source": str,
    "data.fingerprint": str | None,
    "data.text_column": str | None,
    "data.label_column": str | None,
    "data.oos_label": str | None,
    "data.limit": Count | None,
    "data.shots": Count | None,
    "data.shots_seed": int | None,
    "data.folds": Annotated[int, Range(2, MAX_FOLDS)] | None,
    "model": dict,
    "model.source": str,
    "model.fingerprint": str | None,
    "epochs": Count,
    "epoch_size": Count | None,
    "threads": Annotated[int, Range(1, 4096)],
    "precision": Precision,
    "device": Literal["cpu", "cuda"],
    "metric": Metric,
    "search": str | None,
    "search_id": str | None,
    "trial": int | None,
    "seed": int | None,
    "scores": dict | None,
    "scores.best_validation_accuracy": float | None,
    "scores.best_validation_macro_f1": float | None,
}
"""Types of a recipe's entries, a section before its entries."""
OWN = ("rank", "trial", "regime", "config", "epochs", "epoch_size")
"""The entries in which the recipes of one search differ."""
MAX_BYTES = 10**6
"""Size of a file with recipes; one recipe takes some two thousand bytes."""


def export(folder: Path, top: int = 1, floor: str | None = None) -> str:
    """The `top` best configurations of the search in `folder`, a YAML document each.

    The best floor comes first if no trial beats it, then the winner, or the best on validation
    where none was chosen. `floor` is the regime of a floor that is exported instead, or "none" to
    leave floors out. Raises ValueError where the folder holds no search, or nothing to export.
    """
    spec = SearchSpec.read(folder)
    study = studies.read_study(folder)
    if floor in (None, "none"):
        recipes = _best(study, spec, with_floor=floor is None)[:top]
    else:
        recipes = _floor(study, spec, str(floor))
    return "---\n".join(
        yaml.safe_dump(
            _recipe(study, spec, {"rank": rank} | recipe), sort_keys=False, allow_unicode=True
        )
        for rank, recipe in enumerate(recipes, 1)
    )


def _best(study: optuna.Study, spec: SearchSpec, *, with_floor: bool) -> list[dict[str, Any]]:
    """The entries in which the recipes differ, the best configuration first."""
    winner, summary = records.WINNER.read(study), summarise(study, spec)
    ranking = sorted(studies.ranking(study), key=lambda trial: trial.number != winner)
    best = [_trial(study, spec, trial) for trial in ranking]
    if with_floor and summary.best_floor and summary.floor_wins:
        best = _floor(study, spec, summary.best_floor.regime) + best
    if not best:
        raise ValueError(f"no trial of '{spec.name}' completed: there is nothing to export")
    return best


def _trial(study: optuna.Study, spec: SearchSpec, trial: FrozenTrial) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "regime": spec.regime,
        "config": json.loads(json.dumps(records.CONFIG.read(trial))),
        "epochs": spec.epochs,
        "epoch_size": spec.sentences_per_epoch,
        "scores": trial_scores(study, trial, spec.metric),
    }


def _floor(study: optuna.Study, spec: SearchSpec, regime: str) -> list[dict[str, Any]]:
    floors = records.FLOORS.read(study)
    if regime not in floors:
        choices = ", ".join(floors) or "none"
        raise ValueError(f"'{spec.name}' has no floor {quoted(regime)}; its floors: {choices}")
    record = floors[regime]
    scores = {best_validation_field(spec.metric): record[validation_field(spec.metric)]}
    if "test" in record:
        scores["test"] = {spec.seed: dict(record["test"])}
    config = json.loads(json.dumps(record["config"]))
    budget = {"epochs": 1, "epoch_size": None}
    return [{"trial": None, "regime": regime, "config": config, **budget, "scores": scores}]


def recipe_again(folder: Path, recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the search in `folder` exports of the trial, or the floor, that a recipe names; None
    where it has no such trial or floor."""
    spec, study = SearchSpec.read(folder), studies.read_study(folder)
    trial, regime = recipe.get("trial"), str(recipe["regime"])
    if trial is None:
        if regime not in records.FLOORS.read(study):
            return None
        (entries,) = _floor(study, spec, regime)
    else:
        trials = {each.number: each for each in studies.trials(study)}
        if trial not in trials or regime != spec.regime:
            return None
        entries = _trial(study, spec, trials[trial])
    return _recipe(study, spec, {"rank": recipe.get("rank")} | entries)


def _recipe(study: optuna.Study, spec: SearchSpec, entries: dict[str, Any]) -> dict[str, Any]:
    conditions = records.CONDITIONS.read(study)
    if not conditions:
        raise ValueError(
            f"the journal of '{spec.name}' is damaged: it lacks the data and model of the trials"
        )
    return {
        "search": spec.name,
        "search_id": records.identity(study),
        **{name: entries[name] for name in OWN},
        "seed": spec.seed,
        "metric": spec.metric,
        "data": {
            "source": spec.data,
            "fingerprint": conditions["data"],
            **spec.reading,
        },
        "model": {"source": spec.model, "fingerprint": conditions["model"]},
        "max_tokens": spec.max_tokens,
        "precision": conditions["precision"],
        "threads": conditions["threads"],
        "device": conditions["device"],
        "scores": entries["scores"],
        **_made_with(study),
    }


def _made_with(study: optuna.Study) -> dict[str, Any]:
    """The versions and the commit of the search; of this process where a journal of an earlier
    version has none."""
    tags = records.TAGS.read(study)
    numbers = {
        name.removeprefix(records.VERSION): number
        for name, number in tags.items()
        if name.startswith(records.VERSION)
    }
    if not numbers:
        return {"versions": versions(), "commit": commit()}
    known = tags.get("git_commit")
    return {"versions": numbers, "commit": None if known == "unknown" else known}


def trial_scores(study: optuna.Study, trial: FrozenTrial, metric: Metric) -> dict[str, Any]:
    """A trial's score in the search and on the seeds that chose the winner, by seed.

    The winner also has its scores on the seeds that chose nothing, on validation and test.
    """
    runs = dict(sorted(records.CHOICE_RUNS.of(study, trial.number).items()))
    scores: dict[str, Any] = {best_validation_field(metric): trial.value}
    if runs:
        scores[choice_field(metric)] = _scores(runs, metric)
    if trial.number != records.WINNER.read(study):
        return scores
    if not reported_runs_chose(study):
        scores[confirmed_field(metric)] = _scores(reported_runs(study), metric)
    if tests := test_scores(study):
        scores["test"] = {seed: dict(test) for seed, test in tests.items()}
    return scores


def _scores(runs: dict[int, list[records.Record]], metric: Metric) -> dict[int, float]:
    return {seed: run_score(epochs, metric) for seed, epochs in runs.items()}


class _Loader(yaml.SafeLoader):
    """YAML without aliases, which could expand to any size."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse an alias."""
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it has an alias")
        return super().compose_node(parent, index)


def read_recipe(path: Path) -> dict[str, Any]:
    """The first recipe of a file that `search.export` wrote, of this version or an earlier one.

    Raises ValueError where it is not valid, OSError where the disk fails.
    """
    return read_recipes(path, 1)[0]


def read_recipes(path: Path, most: int | None = None) -> list[dict[str, Any]]:
    """The recipes of such a file, at most so many; at least one."""
    where = quoted(str(path))
    text = _read_text(path, where)
    try:
        documents = list(islice(yaml.load_all(text, _Loader), most)) or [None]
    except Exception as error:
        # Besides its own errors, PyYAML passes on those of Python's constructors.
        raise ValueError(f"{where} cannot be read as YAML: {error_text(error)}") from error
    try:
        return [_validated(document) for document in documents]
    except ValueError as error:
        raise ValueError(f"{where} is not a file that search.export wrote: {error}") from error


def _read_text(path: Path, where: str) -> str:
    try:
        # A device file would never end, hence the limit.
        with user_path(path), path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8")
    except ValueError as error:
        raise ValueError(f"{where} cannot be read: {error_text(error)}") from error
    if len(text) > MAX_BYTES:
        raise ValueError(
            f"{where} is not a file that search.export wrote: it is longer than {MAX_BYTES} bytes"
        )
    return text


def _validated(document: Any) -> dict[str, Any]:
    """The document with the present names, if it can be trained and recorded."""
    if not isinstance(document, dict):
        raise ValueError("it is not a mapping")
    missing = [key for key in REQUIRED if key not in document]
    if missing:
        raise ValueError(f"it has no '{missing[0]}'")
    try:
        json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"JSON cannot represent it: {error_text(error)}") from error
    document = _with_present_names(document)
    for name, kind in TYPES.items():
        section, _, key = name.partition(".")
        value = (document.get(section) or {}).get(key) if key else document.get(section)
        checked(name, value, kind)
    SearchSpec(
        name=document.get("search"),
        regime=document["regime"],
        data=document["data"]["source"],
        model=document["model"]["source"],
        max_tokens=document["max_tokens"],
        epochs=document["epochs"],
        epoch_size=document.get("epoch_size"),
        seed=document.get("seed") or 0,
        metric=document["metric"],
        cpus_per_trial=document["threads"],
        fix=document["config"],
        **reading_from(document["data"]),
    )
    return document


def _with_present_names(document: dict[str, Any]) -> dict[str, Any]:
    """The document of an earlier version with the present names, and the only metric it had."""
    document = {**document, "metric": document.get("metric", "accuracy")}
    scores = document.get("scores")
    if not isinstance(scores, dict):
        return document
    scores = renamed(scores, RECIPE_NAMES)
    if isinstance(scores.get("test"), dict):
        scores["test"] = {
            seed: renamed(test, TEST_NAMES) if isinstance(test, dict) else test
            for seed, test in scores["test"].items()
        }
    return {**document, "scores": scores}
