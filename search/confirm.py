"""The best configurations run again on fresh seeds; the winner of that, and of nothing else, meets the test split, once."""

from collections.abc import Callable
from typing import Any

import optuna

from search import seeds as seed_runs
from search import study as studies
from search.cluster import Resources
from search.prepare import Prepared
from search.results import CONFIRM_FAILED, CONFIRMED, TESTED, WINNER, predictions_of
from search.seeds import Run
from search.spec import SearchSpec
from search.worker import Job


def confirm(spec: SearchSpec, study: optuna.Study, prepared: Prepared, job: Job, resources: Resources, say: Callable[[str], None]) -> None:
    """Run the top `spec.confirm_top` on `spec.confirm_seeds` fresh seeds, choose the winner by its mean validation accuracy over all
    its seeds, the search's included, and test its fresh runs.

    Results go into the study, each as soon as it is known, and what is there already is not run again: a search that goes on, or grows,
    confirms only what is new among its best. A configuration that breaks on a fresh seed cannot win.
    """
    top = studies.ranking(study)[: spec.confirm_top]
    seeds = [spec.seed + 1 + number for number in range(spec.confirm_seeds)]
    new = [
        seed_runs.start(job, resources, trial.number, seed, trial.user_attrs[studies.CONFIG])
        for trial in top
        for seed in seeds
        if not _has(study, CONFIRMED, trial.number, seed) and not _has(study, CONFIRM_FAILED, trial.number, seed)
    ]
    if new:
        say(f"confirming the best {len(top)} on seeds {', '.join(map(str, seeds))}")
    for run, trained, reason in seed_runs.finished(new):
        if not reason:  # first: a run that is known as confirmed is not run again
            answers = {"predicted": trained.predicted, "confidence": trained.confidence}
            studies.remember(study, predictions_of(run.trial, run.seed), answers)
        _add(study, CONFIRM_FAILED if reason else CONFIRMED, run.trial, run.seed, reason or trained.epochs)
        how = f"failed: {reason}" if reason else f"validation {trained.epochs[-1]['best_accuracy']:.4f}"
        say(f"  trial {run.trial}, seed {run.seed}: {how}")
    confirmed = study.user_attrs.get(CONFIRMED, {})
    means = {
        trial.number: _mean([trial.value or 0.0, *(epochs[-1]["best_accuracy"] for epochs in confirmed[str(trial.number)].values())])
        for trial in top
        if all(_has(study, CONFIRMED, trial.number, seed) for seed in seeds)
    }
    if means:
        winner = max(means, key=lambda number: (means[number], -number))
        studies.remember(study, WINNER, winner)
        _test(study, winner, [run for run in new if run.trial == winner], seeds, prepared, job, resources)


def _test(study: optuna.Study, winner: int, new: list[Run], seeds: list[int], prepared: Prepared, job: Job, resources: Resources) -> None:
    """The winner's fresh runs on the test split, unless they have met it. Runs of an earlier process are trained again: same curves."""
    seeds = [seed for seed in seeds if not _has(study, TESTED, winner, seed)]
    if prepared.test is None or not seeds:
        return
    config = study.get_trials(deepcopy=False)[winner].user_attrs[studies.CONFIG]
    known = {run.seed: run for run in new}
    runs = [known.get(seed) or seed_runs.start(job, resources, winner, seed, config) for seed in seeds]
    for run, scores in zip(runs, seed_runs.test(runs, job, resources, prepared)):
        _add(study, TESTED, winner, run.seed, scores)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _has(study: optuna.Study, key: str, trial: int, seed: int) -> bool:
    return str(seed) in study.user_attrs.get(key, {}).get(str(trial), {})


def _add(study: optuna.Study, key: str, trial: int, seed: int, value: Any) -> None:
    known = study.user_attrs.get(key, {})
    studies.remember(study, key, {**known, str(trial): {**known.get(str(trial), {}), str(seed): value}})
