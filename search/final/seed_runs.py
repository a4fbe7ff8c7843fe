"""A recipe trained on several seeds: their curves, test scores and models, and which failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
import torch
from rich.console import Console
from torch import Tensor

from analysis.metric import Metric, qualifier, run_score
from search.cluster.resources import Resources
from search.inputs import Prepared
from search.seeds import report_seeds
from search.terminal.run_progress import RunProgress
from search.trials import full_runs, worker
from search.trials.job import Job
from search.trials.parcel import Parcel

Curve = list[dict[str, Any]]
"""A run's epochs, as `Epoch.to_dict` makes them."""
TestScores = dict[int, dict[str, float]]
"""Scores on the test split by seed."""


@dataclass(frozen=True)
class SeedRuns:
    """The runs of all seeds."""

    curves: dict[int, Curve]
    tests: TestScores
    """Empty without a test split."""
    models: dict[int, Parcel]
    """By seed: of the best one, or of all that are combined."""
    failed: dict[int, str]
    """Why seeds failed, in training or in their test. They are in none of the above."""
    metric: Metric

    folds: int | None = None

    @property
    def best_seed(self) -> int:
        """The seed with the highest score on validation; with folds the first one."""
        return best_seed(self.curves, self.metric, self.folds)

    @property
    def held_out(self) -> Tensor | None:
        """With folds: that seed's logits of the training sentences, by models that were not trained
        on them."""
        logits = self.models[self.best_seed].held_out
        return None if logits is None else torch.from_numpy(logits.copy())

    @property
    def scores(self) -> dict[int, float]:
        """Each seed's score on validation."""
        return {seed: run_score(curve, self.metric) for seed, curve in self.curves.items()}


def best_seed(curves: Mapping[int, Curve], metric: Metric, folds: int | None) -> int:
    """The seed with the highest score on validation; on ties the lowest seed.

    With folds the lowest seed: that score is of other models than the one of all sentences.
    """
    if folds is not None:
        return min(curves)
    return max(curves, key=lambda seed: (run_score(curves[seed], metric), -seed))


def job_of(recipe: Mapping[str, Any], prepared: Prepared, per_run: Resources) -> Job:
    """What every run of the recipe has in common, with data and weights in the object store."""
    data, pretrained = ray.put(prepared.data), ray.put(prepared.small)
    return Job(
        recipe["regime"],
        data,
        pretrained,
        recipe["epochs"],
        recipe["precision"],
        per_run.device,
        per_run.threads,
    )


class Failures:
    """The seeds that failed, printed as they do."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.reasons: dict[int, str] = {}

    def add(self, seed: int, reason: str) -> None:
        """A seed that failed."""
        self.reasons[seed] = reason
        self.console.print(f"seed {seed}: failed: {reason}", style="bold red")


def train_seeds(
    recipe: Mapping[str, Any],
    count: int,
    prepared: Prepared,
    per_run: Resources,
    console: Console,
    *,
    all_models: bool,
) -> SeedRuns:
    """Train on so many seeds, and test where there is a test split.

    `all_models`: the models of all seeds are returned, not only the best one. Seeds that fail are
    printed and left out. Raises OSError where all fail.
    """
    seeds, metric = report_seeds(recipe.get("seed") or 0, count), recipe["metric"]
    folds = prepared.data.folds
    failures = Failures(console)
    runs, curves = _trained(recipe, seeds, prepared, per_run, failures)
    tests: TestScores = {}
    if prepared.test is not None and runs:
        tests, untested = _tested(list(runs.values()), per_run, prepared)
        for seed, reason in untested.items():
            failures.add(seed, reason)
    models: dict[int, Parcel] = {}
    while left := {seed: curves[seed] for seed in curves if seed not in failures.reasons}:
        wanted = list(left) if all_models else [best_seed(left, metric, folds)]
        models |= _fetched([runs[seed] for seed in wanted if seed not in models], failures)
        if models.keys() >= set(wanted):
            tests = {seed: tests[seed] for seed in left if seed in tests}
            models = {seed: models[seed] for seed in wanted}
            return SeedRuns(left, tests, models, failures.reasons, metric, folds)
    first = min(failures.reasons)
    every = f"all {len(seeds)} seeds failed; " if len(seeds) > 1 else ""
    raise OSError(f"{every}seed {first}: {failures.reasons[first]}")


def _trained(
    recipe: Mapping[str, Any],
    seeds: Sequence[int],
    prepared: Prepared,
    per_run: Resources,
    failures: Failures,
) -> tuple[dict[int, full_runs.FullRun], dict[int, Curve]]:
    """The runs that ended well and their curves, in the order of the seeds."""
    job, metric = job_of(recipe, prepared, per_run), recipe["metric"]
    submitted = [full_runs.start(job, per_run, 0, seed, recipe["config"]) for seed in seeds]
    runs: dict[int, full_runs.FullRun] = {}
    curves: dict[int, Curve] = {}
    progress = RunProgress(failures.console, [f"seed {seed}" for seed in seeds], per_run.slots)
    try:
        for run, epochs, failure in full_runs.finished(submitted, progress.poll):
            progress.end(f"seed {run.seed}", failed=failure is not None)
            if failure:
                failures.add(run.seed, failure)
                continue
            curves[run.seed], runs[run.seed] = epochs, run
            score = f"{run_score(epochs, metric):.4f}{qualifier(metric)}"
            failures.console.print(f"seed {run.seed}: validation {score}")
    except OSError as error:  # No worker can be started any more.
        for seed in seeds:
            if seed not in {*curves, *failures.reasons}:
                failures.add(seed, str(error))
    order = [seed for seed in seeds if seed in runs]
    return {seed: runs[seed] for seed in order}, {seed: curves[seed] for seed in order}


def _tested(
    runs: Sequence[full_runs.FullRun], per_run: Resources, prepared: Prepared
) -> tuple[TestScores, dict[int, str]]:
    """The scores on the test split by seed, and why runs cannot be tested."""
    try:
        tested = full_runs.test(runs, per_run, prepared)
        return {run.seed: scored.scores for run, scored in zip(runs, tested)}, {}
    except OSError as error:
        if len(runs) == 1:
            return {}, {runs[0].seed: str(error)}
    # One at a time, to see which of them fail.
    tests: TestScores = {}
    untested: dict[int, str] = {}
    for run in runs:
        scores, reasons = _tested([run], per_run, prepared)
        tests, untested = tests | scores, untested | reasons
    return tests, untested


def _fetched(runs: Sequence[full_runs.FullRun], failures: Failures) -> dict[int, Parcel]:
    """The models of the runs, by seed."""
    models: dict[int, Parcel] = {}
    for run in runs:
        try:
            models[run.seed] = ray.get(run.model)
        except ray.exceptions.RayError as error:  # Its node is gone, and the model with it.
            failures.add(run.seed, f"its model is lost: {worker.failure_reason(error)}")
    return models
