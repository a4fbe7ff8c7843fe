"""What a search went through: the ranges that its space suggested from, and which parameters its
scores depended on."""

from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from search.study import study as studies

ENOUGH = 10
"""Trials at full budget below which importances would be noise."""


def ranges(study: optuna.Study) -> dict[str, dict[str, Any]]:
    """Every parameter that a trial was asked for: `low`, `high` and `log`, or `choices`."""
    found: dict[str, dict[str, Any]] = {}
    for trial in studies.trials(study):
        for name, distribution in trial.distributions.items():
            if isinstance(distribution, CategoricalDistribution):
                found[name] = {"choices": list(distribution.choices)}
            elif isinstance(distribution, FloatDistribution | IntDistribution):
                found[name] = {
                    "low": distribution.low,
                    "high": distribution.high,
                    "log": distribution.log,
                }
    return found


def importances(study: optuna.Study) -> list[dict[str, Any]]:
    """`name`, `importance` and `trials`, the most important first; nothing where too few trials
    came to their full budget.

    Optuna's fANOVA (Hutter et al., 2014, https://proceedings.mlr.press/v32/hutter14.html): the
    share of the scores' variance that a parameter explains, by a random forest over the trials at
    full budget. Only parameters that all of these have, and take several values in them, can be
    compared.
    """
    complete = [trial for trial in studies.trials(study) if trial.state == TrialState.COMPLETE]
    if len(complete) < ENOUGH or len({trial.value for trial in complete}) < 2:
        return []
    shared = set.intersection(*(set(trial.params) for trial in complete))
    names = sorted(name for name in shared if len({trial.params[name] for trial in complete}) > 1)
    if not names:
        return []
    from optuna.importance import (
        FanovaImportanceEvaluator,
        get_param_importances,
    )  # scikit-learn: not before the first trial

    kept = optuna.create_study(direction="maximize")
    kept.add_trials(complete)
    try:
        shares = get_param_importances(
            kept, evaluator=FanovaImportanceEvaluator(seed=0), params=names
        )
    except RuntimeError:  # no tree could split: scores that are all but equal
        return []
    return [
        {"name": name, "importance": float(share), "trials": len(complete)}
        for name, share in shares.items()
    ]
