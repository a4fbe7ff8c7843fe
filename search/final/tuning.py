"""A short search over one field of a recipe, before its final training."""

import contextlib
from collections.abc import Mapping
from typing import Any

from rich.console import Console

import trainables
from analysis.metric import Metric, best_validation_field, qualifier, run_score
from search.cluster.resources import Resources
from search.final.seed_runs import Curve, job_of
from search.final.transfer import values_around
from search.inputs import Prepared
from search.terminal.run_progress import RunProgress
from search.trials import full_runs

Curves = dict[float, Curve]
"""The epochs of each run, by the value of the tuned field."""


def configs_to_tune(
    recipe: Mapping[str, Any], field: str | None, count: int
) -> dict[float, dict[str, Any]]:
    """The configurations to compare, by the value of the tuned field; none without a field.

    Values beyond the field's range are left out. Raises ValueError where it cannot be tuned.
    """
    regime, config = recipe["regime"], recipe["config"]
    if field is None:
        return {}
    build = trainables.load(regime).Config.from_dict
    configs = {}
    for value in values_around(config, regime, field, count):
        with contextlib.suppress(ValueError):
            configs[value] = build({**config, field: value}).to_dict()
    if len(configs) < 2:
        raise ValueError(
            f"--tune {field}: no value a factor of two from {config[field]:g} is in its"
            " range; tune another field"
        )
    return configs


def tune(
    recipe: Mapping[str, Any],
    field: str | None,
    configs: Mapping[float, dict[str, Any]],
    prepared: Prepared,
    per_run: Resources,
    console: Console,
) -> tuple[dict[str, Any], Curves]:
    """The recipe with the best of these configurations, and the runs that chose it.

    Each runs once for the whole budget on the search's seed, which final training does not use. The
    best on validation wins, on ties the one nearest to the recipe. Raises OSError where all fail.
    """
    if field is None:
        return dict(recipe), {}
    job, seed = job_of(recipe, prepared, per_run), recipe.get("seed") or 0
    runs = [
        full_runs.start(job, per_run, number, seed, config)
        for number, config in enumerate(configs.values())
    ]
    metric: Metric = recipe["metric"]
    curves: Curves = {}
    why = "no value was tried"
    names = {value: f"{field} {value:.4g}" for value in configs}
    progress = RunProgress(console, list(names.values()), per_run.slots)
    for run, epochs, failure in full_runs.finished(runs, progress.poll):
        value = run.config[field]
        progress.end(names[value], failed=failure is not None)
        if failure:
            why = failure
            console.print(f"tune {names[value]}: failed: {failure}")
            continue
        curves[value] = epochs
        score = f"{run_score(epochs, metric):.4f}{qualifier(metric)}"
        console.print(f"tune {names[value]}: validation {score}")
    if not curves:
        raise OSError(f"every run that tunes {field} failed: {why}")
    recipe_value = recipe["config"][field]
    best_scores = {value: run_score(curves[value], metric) for value in sorted(curves)}
    best = max(
        best_scores,
        key=lambda value: (best_scores[value], -max(value / recipe_value, recipe_value / value)),
    )
    console.print(f"tuned {field}: {recipe_value:.4g} -> {best:.4g}")
    scores = {f"{value:.6g}": score for value, score in best_scores.items()}
    tuned = {"field": field, best_validation_field(metric): scores}
    return {**recipe, "config": configs[best], "tuned": tuned}, curves
