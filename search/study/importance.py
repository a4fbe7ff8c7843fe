"""The ranges that a search suggested from, and which parameters its scores depended on."""

import random
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from search.study.study import trials

MIN_IMPORTANCE_TRIALS = 10
"""Complete trials below which importances are noise."""
MAX_IMPORTANCE_TRIALS = 500
"""If more are complete, half of these are the best trials and half random others: fANOVA's time
grows faster than the number of trials."""


def ranges(study: optuna.Study) -> dict[str, dict[str, Any]]:
    """Each parameter that a trial has had: `low`, `high` and `log`, or `choices`."""
    ranges: dict[str, dict[str, Any]] = {}
    for trial in trials(study):
        for name, distribution in trial.distributions.items():
            if isinstance(distribution, CategoricalDistribution):
                ranges[name] = {"choices": list(distribution.choices)}
            elif isinstance(distribution, FloatDistribution | IntDistribution):
                ranges[name] = {
                    "low": distribution.low,
                    "high": distribution.high,
                    "log": distribution.log,
                }
    return ranges


def importances(study: optuna.Study) -> list[dict[str, Any]]:
    """`name`, `importance` and `trials`, the most important first; empty if too few trials are
    complete.

    Optuna's fANOVA (Hutter et al., 2014, https://proceedings.mlr.press/v32/hutter14.html): the
    fraction of the scores' variance that a parameter explains, by a random forest over the complete
    trials, or `MAX_IMPORTANCE_TRIALS` of them. Only parameters that all of these have, with several
    values, can be compared.
    """
    complete = [trial for trial in trials(study) if trial.state == TrialState.COMPLETE]
    if len(complete) < MIN_IMPORTANCE_TRIALS or len({trial.value for trial in complete}) < 2:
        return []
    complete = _sample(complete)
    shared = set.intersection(*(set(trial.params) for trial in complete))
    names = sorted(name for name in shared if len({trial.params[name] for trial in complete}) > 1)
    if not names:
        return []
    # Imports scikit-learn, which takes time: not before the first trial.
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    copy = optuna.create_study(direction="maximize")
    copy.add_trials(complete)
    try:
        fractions = get_param_importances(
            copy, evaluator=FanovaImportanceEvaluator(seed=0), params=names
        )
    except RuntimeError:  # No tree could split: the scores are almost equal.
        return []
    return [
        {"name": name, "importance": float(fraction), "trials": len(complete)}
        for name, fraction in fractions.items()
    ]


def _sample(complete: list[FrozenTrial]) -> list[FrozenTrial]:
    """The best trials and random others, in their order; all if there are few."""
    if len(complete) <= MAX_IMPORTANCE_TRIALS:
        return complete
    ranked = sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))
    half = MAX_IMPORTANCE_TRIALS // 2
    others = random.Random(0).sample(ranked[half:], MAX_IMPORTANCE_TRIALS - half)
    return sorted([*ranked[:half], *others], key=lambda trial: trial.number)
