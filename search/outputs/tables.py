"""What a search leaves in its folder beside the journal: tables and files that can be made again
from the study."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from analysis.text import cell
from search.atomic import write
from search.spec import SearchSpec
from search.study import importance as landscape
from search.study import study as studies
from search.trials.system_metrics import BESIDE, spent
from trainables.parts.data.corpus import Corpus
from trainables.parts.training.epoch import Epoch

CONDITIONS, WINNER, TESTED = "conditions", "winner", "tested"
"""Attributes of the study: what may not change between its trials, the winner's number, {trial:
{seed: scores}} on the test split."""
CONFIRMED, CONFIRM_FAILED = "confirmed", "confirm_failed"
"""The runs that choose the winner: {trial: {seed: [epochs]}}, and {trial: {seed: reason}} of those
that broke."""
REPORTED, REPORT_FAILED = "reported", "report_failed"
"""The winner's runs that are reported and chose nothing, likewise. A journal of an earlier version
has none of them: what it reported are the runs that chose the winner."""


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: list[str]) -> None:
    """Write rows as CSV; None is an empty cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    writer.writerows(rows)
    write(path, out.getvalue())


def trial_rows(study: optuna.Study) -> list[dict[str, Any]]:
    """A row a trial, its whole configuration in columns `config.*`; the space chose those fields
    that `suggested` names."""
    rows = []
    for trial in studies.trials(study):
        epochs = studies.epochs(trial)
        row = {
            "number": trial.number,
            "state": trial.state.name,
            "reason": trial.user_attrs.get(studies.REASON),
            "validation_accuracy": trial.value if trial.state.name == "COMPLETE" else None,
            "best_validation_accuracy": (
                epochs[-1]["best_validation_accuracy"] if epochs else None
            ),  # of its last stage: another one's has another judge
            "epochs": len(epochs),
            "seconds": round(spent(epochs), 3),
            "suggested": " ".join(trial.params),
        }
        rows.append(
            row
            | {f"config.{name}": value for name, value in trial.user_attrs[studies.CONFIG].items()}
        )
    return rows


def epoch_rows(study: optuna.Study, spec: SearchSpec) -> list[dict[str, Any]]:
    """A row an epoch: of the search's trials, of the runs that chose the winner, and of those that
    are reported."""
    rows = [
        {"trial": trial.number, "seed": spec.seed, "kind": "search"} | epoch
        for trial in studies.trials(study)
        for epoch in studies.epochs(trial)
    ]
    for key, kind in ((CONFIRMED, "confirm"), (REPORTED, "report")):
        for number, seeds in study.user_attrs.get(key, {}).items():
            rows += [
                {"trial": int(number), "seed": int(seed), "kind": kind} | epoch
                for seed, run in seeds.items()
                for epoch in run
            ]
    return rows


def choice_score(study: optuna.Study, trial: FrozenTrial) -> float:
    """What the winner is chosen by: the mean of a trial's score in the search and of its runs on
    the seeds of the choice."""
    runs = study.user_attrs.get(CONFIRMED, {}).get(str(trial.number), {})
    found = [trial.value or 0.0, *(run[-1]["best_validation_accuracy"] for run in runs.values())]
    return sum(found) / len(found)


def chose(study: optuna.Study) -> bool:
    """Whether the runs that are reported also chose the winner, as in journals of earlier
    versions."""
    return REPORTED not in study.user_attrs


def reported(study: optuna.Study) -> dict[int, list[dict[str, Any]]]:
    """The epochs of the winner's runs that are reported, by seed."""
    attrs = study.user_attrs
    runs = attrs.get(CONFIRMED if chose(study) else REPORTED, {}).get(str(attrs.get(WINNER)), {})
    return {seed: runs[str(seed)] for seed in sorted(map(int, runs))}


def predictions_of(trial: int, seed: int) -> str:
    """The attribute of the study that has what a reported run answered on validation: label indices
    and their probabilities, in order."""
    return f"predicted:{trial}:{seed}"


def prediction_rows(study: optuna.Study, corpus: Corpus) -> list[dict[str, Any]]:
    """A row a validation sentence and reported run of the winner; none where its answers are not
    known."""
    attrs, rows = study.user_attrs, list[dict[str, Any]]()
    winner = attrs.get(WINNER)
    if winner is None:
        return rows
    for seed in reported(study):
        found = attrs.get(predictions_of(winner, seed))
        if found is None:  # of an earlier version
            continue
        answers = zip(
            corpus.validation.texts,
            corpus.validation.labels,
            found["predicted"],
            found["confidence"],
            strict=True,
        )
        rows += [
            {
                "seed": seed,
                "row": row,
                "text": cell(text),
                "label": cell(corpus.labels[label]),
                "predicted": cell(corpus.labels[answer]),
                "confidence": confidence,
            }
            for row, (text, label, answer, confidence) in enumerate(answers)
        ]
    return rows


def tested(study: optuna.Study) -> dict[int, dict[str, float]]:
    """The test scores of the winner's reported runs by seed; empty where there are none."""
    found = study.user_attrs.get(TESTED, {}).get(str(study.user_attrs.get(WINNER)), {})
    return {seed: found[str(seed)] for seed in reported(study) if str(seed) in found}


def last_contrastive_loss(
    runs: Iterable[list[dict[str, Any]]], epochs: int
) -> dict[str, float] | None:
    """Sum and mean over the mini-batches of the contrastive stage's last epoch, averaged over runs:
    what the paper's Table 8 has."""
    last = [
        epoch
        for run in runs
        for epoch in run
        if epoch["stage"] == "contrastive" and epoch["epoch"] == epochs
    ]
    if not last:
        return None
    return {
        "sum": sum(epoch["train_loss"] * epoch["steps"] for epoch in last) / len(last),
        "mean": sum(epoch["train_loss"] for epoch in last) / len(last),
    }


def summary(study: optuna.Study, spec: SearchSpec, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the comparison table is made of; `facts` are those of the data and the model that the
    journal does not hold."""
    attrs, found = study.user_attrs, studies.trials(study)
    ranking, paper = studies.ranking(study), studies.paper_trial(study)
    winner = attrs.get(WINNER)
    runs, won = (
        reported(study),
        (study.get_trials(deepcopy=False)[winner] if winner is not None else None),
    )
    return {
        "name": spec.name,
        "regime": spec.regime,
        "epochs": spec.epochs,
        "states": {
            state: sum(trial.state.name == state for trial in found)
            for state in ("COMPLETE", "PRUNED", "FAIL")
        },
        "seconds": attrs.get("seconds", 0.0),
        "paper_config_validation_accuracy": (
            paper.value if paper is not None and paper.state.name == "COMPLETE" else None
        ),
        "best_trial": ranking[0].number if ranking else None,
        "best_validation_accuracy": ranking[0].value if ranking else None,
        "winner_trial": winner,
        "choice_accuracy": choice_score(study, won) if won else None,
        "confirmed_accuracy": [run[-1]["best_validation_accuracy"] for run in runs.values()],
        "confirmed_seeds": list(runs),
        "confirmed_runs_chose": bool(runs) and chose(study),
        "confirmed_failed": len(attrs.get(REPORT_FAILED, {}).get(str(winner), {})),
        "test": [{"seed": seed} | scores for seed, scores in tested(study).items()],
        "batch_size": won.user_attrs[studies.CONFIG].get("batch_size") if won else None,
        "last_contrastive_loss": last_contrastive_loss(runs.values(), spec.epochs),
        **facts,
    }


def write_results(
    study: optuna.Study, spec: SearchSpec, facts: Mapping[str, Any], corpus: Corpus
) -> dict[str, Any]:
    """Write trials.csv, epochs.csv, space.json, importances.csv, predictions.csv and summary.json;
    return the summary."""
    rows = trial_rows(study)
    columns = list(dict.fromkeys(key for row in rows for key in row)) or ["number", "state"]
    write_csv(spec.folder / "trials.csv", rows, columns)
    write_csv(
        spec.folder / "epochs.csv",
        epoch_rows(study, spec),
        ["trial", "seed", "kind", *Epoch.__dataclass_fields__, *BESIDE],
    )
    write(spec.folder / "space.json", json.dumps(landscape.ranges(study), indent=2) + "\n")
    write_csv(
        spec.folder / "importances.csv",
        landscape.importances(study),
        ["name", "importance", "trials"],
    )
    if predictions := prediction_rows(study, corpus):
        write_csv(spec.folder / "predictions.csv", predictions, list(predictions[0]))
    found = summary(study, spec, facts)
    write(spec.folder / "summary.json", json.dumps(found, indent=2) + "\n")
    return found
