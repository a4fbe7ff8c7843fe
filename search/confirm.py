"""The best configurations run again on fresh seeds; the winner of that, and of nothing else, meets the test split, once."""

from dataclasses import dataclass
from typing import Any

import optuna
import ray

from search import study as studies
from search import worker
from search.cluster import Resources
from search.prepare import Prepared
from search.results import CONFIRMED, TESTED
from search.spec import SearchSpec
from search.worker import Job


@dataclass(frozen=True)
class Run:
    """One configuration on one fresh seed, under way in a worker."""

    trial: int
    seed: int
    config: dict[str, Any]
    trained: ray.ObjectRef


def confirm(spec: SearchSpec, study: optuna.Study, prepared: Prepared, job: Job, resources: Resources, say: Any) -> None:
    """Run the top `spec.confirm_top` on `spec.confirm_seeds` fresh seeds, choose the winner by its mean validation accuracy over all
    its seeds, the search's included, and test its fresh runs. Results go into the study, each as soon as it is known."""
    top = studies.ranking(study)[: spec.confirm_top]
    if not top:
        return
    seeds = [spec.seed + 1 + number for number in range(spec.confirm_seeds)]
    say(f"confirming the best {len(top)} on seeds {', '.join(map(str, seeds))}")
    remote = worker.train.options(num_cpus=resources.cpus, num_gpus=resources.gpus)
    runs = []
    for trial in top:
        config = trial.user_attrs[studies.CONFIG]
        runs += [Run(trial.number, seed, config, remote.remote(job, config, seed)) for seed in seeds]
    confirmed: dict[str, dict[str, Any]] = {}
    waiting = {run.trained: run for run in runs}
    while waiting:
        (done,), _ = ray.wait(list(waiting), num_returns=1)
        run = waiting.pop(done)
        epochs = ray.get(done).epochs
        confirmed.setdefault(str(run.trial), {})[str(run.seed)] = epochs
        studies.remember(study, CONFIRMED, confirmed)
        say(f"  trial {run.trial}, seed {run.seed}: validation {epochs[-1]['best_accuracy']:.4f}")
    means = {trial.number: mean([trial.value or 0.0, *_scores(confirmed[str(trial.number)])]) for trial in top}
    winner = max(means, key=lambda number: (means[number], -number))
    studies.remember(study, "winner", winner)
    if prepared.test is not None:
        _test(study, [run for run in runs if run.trial == winner], prepared, job, resources)


def mean(values: list[float]) -> float:
    """The arithmetic mean."""
    return sum(values) / len(values)


def _scores(runs: dict[str, Any]) -> list[float]:
    return [epochs[-1]["best_accuracy"] for epochs in runs.values()]


def _test(study: optuna.Study, runs: list[Run], prepared: Prepared, job: Job, resources: Resources) -> None:
    whole, test = ray.put(prepared.pretrained), ray.put(prepared.test)
    remote = worker.test.options(num_cpus=resources.cpus, num_gpus=resources.gpus)
    found = ray.get([remote.remote(job, run.config, run.trained, whole, prepared.vocabulary, prepared.corpus.labels, test) for run in runs])
    studies.remember(study, TESTED, {str(run.seed): scores for run, scores in zip(runs, found)})
