"""The tables and JSON files of a search's folder. All can be made again from the journal."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna

from analysis.atomic import write
from analysis.metric import WORDS, Metric, best_validation_field
from analysis.read.files import read_json
from analysis.read.folder import (
    CORRECT_FILE,
    EPOCHS_FILE,
    IMPORTANCES_FILE,
    PREDICTIONS_FILE,
    PROBLEMS_FILE,
    SPACE_FILE,
    SUMMARY_FILE,
    TRIALS_FILE,
)
from analysis.read.summary import ContrastiveLoss, Floor, Summary, TestRun
from analysis.text import cell, guarded
from search.outputs.data_problems import PROBLEM_COLUMNS, problem_rows
from search.spec import SearchSpec
from search.study import importance, records
from search.study.study import paper_trial, ranking, trials
from search.study.winner_records import (
    choice_score,
    reported_runs,
    reported_runs_chose,
    run_scores,
    test_scores,
    trial_score,
)
from search.worker_reports import BESIDE_EPOCH, ENDED_AT, STARTED_AT, run_seconds
from trainables.parts.data.corpus import Corpus

SCORES = tuple(map(best_validation_field, WORDS))
"""The columns of trials.csv that hold a trial's scores by each metric."""


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: list[str]) -> None:
    """Write rows as CSV; None is an empty cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    writer.writerows(rows)
    write(path, out.getvalue())


UNKNOWN_FACTS: Mapping[str, Any] = {
    "encoder_is_papers": None,
    "comparable": False,
    "why_not": None,
    "test_size": None,
    "validation_size": None,
    "macro_f1_sentences": {},
    "rows": {},
    "versions": {},
    "commit": None,
    "machine": None,
}
"""What `search.driver.context.facts` and the machine are, where data and model are not at hand."""


def facts_of(folder: Path) -> Mapping[str, Any]:
    """The facts that the last summary of a search has; unknown without a whole one."""
    path = folder / SUMMARY_FILE
    try:
        written = Summary.from_dict(read_json(path), path)
    except ValueError:
        return UNKNOWN_FACTS
    return {name: getattr(written, name) for name in UNKNOWN_FACTS}


def trial_rows(study: optuna.Study) -> list[dict[str, Any]]:
    """A row per trial.

    Its configuration is in columns `config.*`; `suggested` names the fields that the space chose,
    and `given` says whether the search began with it.
    """
    rows = []
    for trial in trials(study):
        epochs = records.epochs(trial)
        row = {
            "number": trial.number,
            "state": trial.state.name,
            "reason": records.FAILURE.read(trial),
            # Of the last stage that was reached: scores of other stages are of other classifiers.
            **{name: epochs[-1].get(name) if epochs else None for name in SCORES},
            "epochs": len(epochs),
            "seconds": round(run_seconds(epochs), 3),
            "suggested": " ".join(trial.params),
            "given": records.is_starting_point(trial),
        }
        config = records.CONFIG.read(trial)
        rows.append(row | {f"config.{name}": value for name, value in config.items()})
    return rows


def epoch_rows(study: optuna.Study, spec: SearchSpec) -> list[dict[str, Any]]:
    """A row per epoch: of trials, of the runs that chose the winner, and of the reported ones."""
    rows = [
        {"trial": trial.number, "seed": spec.seed, "kind": "search"} | epoch
        for trial in trials(study)
        for epoch in records.epochs(trial)
    ]
    for key, kind in ((records.CHOICE_RUNS, "choice"), (records.REPORT_RUNS, "report")):
        for trial_number, runs in key.read(study).items():
            for seed, epochs in runs.items():
                rows += [{"trial": trial_number, "seed": seed, "kind": kind} | e for e in epochs]
    return rows


def prediction_rows(study: optuna.Study, corpus: Corpus) -> list[dict[str, Any]]:
    """A row per validation sentence and reported run, if its predictions are known."""
    rows: list[dict[str, Any]] = []
    winner = records.WINNER.read(study)
    if winner is None:
        return rows
    split = corpus.validation
    for seed in reported_runs(study):
        predictions = records.predictions(winner, seed).read(study)
        if predictions is None:  # recorded by an early version
            continue
        answers = zip(predictions["predicted"], predictions["confidence"], strict=True)
        rows += [
            {
                "seed": seed,
                "row": row,
                "text": cell(text),
                "label": guarded(corpus.labels[label]),
                "predicted": guarded(corpus.labels[predicted]),
                "confidence": confidence,
            }
            for row, (text, label, (predicted, confidence)) in enumerate(
                zip(split.texts, split.labels, answers, strict=True)
            )
        ]
    return rows


def correct_rows(study: optuna.Study, spec: SearchSpec) -> list[dict[str, Any]]:
    """A row per run and split, as far as it is recorded which sentences were right: trial 0, the
    choice and report runs, and the floors."""
    runs = [
        (kind, trial, seed)
        for key, kind in ((records.CHOICE_RUNS, "choice"), (records.REPORT_RUNS, "report"))
        for trial, seeds in key.read(study).items()
        for seed in sorted(seeds)
    ]
    return [
        {"kind": kind, "trial": trial, "seed": seed, "split": split} | bits
        for kind, trial, seed in [("search", 0, spec.seed), *runs]
        for split in ("validation", "test")
        if (bits := records.correct(split, trial, seed).read(study))
    ] + [
        {"kind": regime, "trial": 0, "seed": spec.seed, "split": split} | bits
        for regime in records.FLOORS.read(study)
        for split in ("validation", "test")
        if (bits := records.floor_correct(split, regime).read(study))
    ]


def last_contrastive_loss(
    runs: Iterable[list[records.Record]], spec: SearchSpec
) -> ContrastiveLoss | None:
    """The contrastive stage's loss in its last epoch, as a mean over runs: the paper's Table 8.

    None without such a stage, and where an epoch does not have all sentences.
    """
    stages = [[epoch for epoch in run if epoch["stage"] == "contrastive"] for run in runs]
    last = [stage[-1] for stage in stages if stage]
    if not last or spec.sentences_per_epoch is not None:
        return None
    return ContrastiveLoss(
        sum=sum(epoch["train_loss"] * epoch["steps"] for epoch in last) / len(last),
        mean=sum(epoch["train_loss"] for epoch in last) / len(last),
    )


def summarise(
    study: optuna.Study, spec: SearchSpec, facts: Mapping[str, Any] = UNKNOWN_FACTS
) -> Summary:
    """The outcome of a search.

    `facts` are those of the data and the model that the journal does not hold.
    """
    states = [trial.state.name for trial in trials(study)]
    best, paper = next(iter(ranking(study)), None), paper_trial(study)
    winner, runs, tests = records.WINNER.read(study), reported_runs(study), test_scores(study)
    winning_trial = study.get_trials(deepcopy=False)[winner] if winner is not None else None
    config = records.CONFIG.read(winning_trial) if winning_trial else {}
    chose, conditions = records.CHOICE_RUNS.read(study), records.CONDITIONS.read(study)
    if paper is not None and paper.state.name != "COMPLETE":
        paper = None
    return Summary(
        name=str(spec.name),
        regime=spec.regime,
        data=spec.data_name,
        model=spec.model,
        data_fingerprint=conditions.get("data"),
        model_fingerprint=conditions.get("model"),
        epochs=spec.epochs,
        epoch_size=spec.sentences_per_epoch,
        folds=spec.folds,
        states={state: states.count(state) for state in ("COMPLETE", "PRUNED", "FAIL")},
        seconds=records.SECONDS.read(study),
        metric=spec.metric,
        best_trial=best.number if best else None,
        winner_trial=winner,
        equal_trials=tuple(records.EQUAL_TRIALS.read(study)),
        choice_runs=_choice_scores(chose, "accuracy"),
        choice_runs_macro_f1=_choice_scores(chose, "macro_f1"),
        paper_config_validation_accuracy=trial_score(paper, "accuracy"),
        paper_config_validation_macro_f1=trial_score(paper, "macro_f1"),
        best_validation_accuracy=trial_score(best, "accuracy"),
        best_validation_macro_f1=trial_score(best, "macro_f1"),
        choice_accuracy=choice_score(study, winning_trial, "accuracy"),
        choice_macro_f1=choice_score(study, winning_trial, "macro_f1"),
        confirmed_accuracy=run_scores(runs.values(), "accuracy"),
        confirmed_macro_f1=run_scores(runs.values(), "macro_f1"),
        confirmed_seeds=tuple(runs),
        confirmed_runs_chose=bool(runs) and reported_runs_chose(study),
        confirmed_failed=len(records.REPORT_FAILURES.of(study, winner)),
        test=tuple(TestRun(seed=seed, **scores) for seed, scores in tests.items()),
        batch_size=config.get("batch_size"),
        last_contrastive_loss=last_contrastive_loss(runs.values(), spec),
        floors=tuple(_floor(*item) for item in records.FLOORS.read(study).items()),
        ending=records.ENDING.read(study),
        **facts,
    )


def _choice_scores(
    runs: Mapping[int, Mapping[int, list[records.Record]]], metric: Metric
) -> dict[str, tuple[float, ...]]:
    """The scores of the choice runs by trial; those of earlier versions have the accuracy only."""
    scores = {
        str(trial): run_scores([run for _, run in sorted(seeds.items())], metric)
        for trial, seeds in runs.items()
    }
    return {trial: by_seed for trial, by_seed in scores.items() if by_seed}


def _floor(regime: str, record: records.Record) -> Floor:
    return Floor(
        regime=regime,
        chosen=" ".join(f"{name}={value}" for name, value in record["chosen"].items()),
        validation_accuracy=record["validation_accuracy"],
        validation_macro_f1=record.get("validation_macro_f1"),
        validation_loss=record["validation_loss"],
        seconds=max(0.0, record[ENDED_AT] - record[STARTED_AT]),  # The clock may be set back.
        **record.get("test", {}),
    )


def write_results(
    study: optuna.Study, spec: SearchSpec, facts: Mapping[str, Any], corpus: Corpus
) -> Summary:
    """Write trials.csv, epochs.csv, space.json, predictions.csv, correct.csv, data_problems.csv and
    summary.json; return the summary."""
    folder, rows = spec.folder, trial_rows(study)
    columns = list(dict.fromkeys(key for row in rows for key in row)) or ["number", "state"]
    epoch_columns = ["trial", "seed", "kind", *records.EPOCH_FIELDS, *BESIDE_EPOCH]
    write_csv(folder / TRIALS_FILE, rows, columns)
    write_csv(folder / EPOCHS_FILE, epoch_rows(study, spec), epoch_columns)
    write(folder / SPACE_FILE, json.dumps(importance.ranges(study), indent=2) + "\n")
    if predictions := prediction_rows(study, corpus):
        write_csv(folder / PREDICTIONS_FILE, predictions, list(predictions[0]))
    if correct := correct_rows(study, spec):
        write_csv(folder / CORRECT_FILE, correct, list(correct[0]))
    problems = problem_rows(corpus, records.FLOORS.read(study))
    write_csv(folder / PROBLEMS_FILE, problems, list(PROBLEM_COLUMNS))
    summary = summarise(study, spec, facts)
    write(folder / SUMMARY_FILE, json.dumps(summary.to_dict(), indent=2) + "\n")
    return summary


def write_importances(study: optuna.Study, folder: Path) -> None:
    """Write importances.csv. With hundreds of trials, this takes longer than all other files."""
    rows = importance.importances(study)
    write_csv(folder / IMPORTANCES_FILE, rows, ["name", "importance", "trials"])
