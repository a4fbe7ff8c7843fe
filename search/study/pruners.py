"""Pruners: which trials stop early.

Optuna's own, and `RungPruner` for rules that Optuna lacks. They decide from the study's records
alone, so a resumed search decides as if it had never stopped.
"""

import optuna
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)

from search.spec import SearchSpec
from search.study.configuration import starting_points
from search.study.rungs import RungPruner, first_trials, fraction

PRUNABLE_FRACTION = 2 / 3
"""Fraction of the epochs after which no trial is pruned: it would save little, and lose a score at
full budget."""
HALVING = ("asha", "recent")
"""Schedulers that let one trial in `--reduction-factor` continue from each rung."""
MEDIAN_STARTUP_TRIALS = 5
"""Trials that must finish before the median pruner prunes."""
RECENT_WINDOW_FACTORS = 3
"""`recent` compares a trial with the last trials, so many times the reduction factor."""


def pruner(spec: SearchSpec) -> BasePruner:
    """The pruner that `--scheduler` names."""
    grace, factor = spec.grace_epochs, spec.reduction_factor
    if spec.scheduler == "asha":
        return SuccessiveHalvingPruner(min_resource=grace, reduction_factor=factor)
    if spec.scheduler == "hyperband":
        return HyperbandPruner(
            min_resource=grace, max_resource=spec.epochs, reduction_factor=factor
        )
    if spec.scheduler == "median":
        return MedianPruner(n_startup_trials=MEDIAN_STARTUP_TRIALS, n_warmup_steps=grace)
    if spec.scheduler == "recent":
        return RungPruner(grace, factor, fraction(factor, window=RECENT_WINDOW_FACTORS * factor))
    if spec.scheduler == "rush":
        return RungPruner(grace, factor, fraction(factor), first_trials(len(starting_points(spec))))
    assert spec.scheduler == "none"
    return NopPruner()


def prunes(trial: optuna.Trial, epoch: int, budget: int) -> bool:
    """Whether the study's pruner ends a trial with the epoch that it has just reported.

    Trial 0 is never pruned, because others are compared with it. The pruner is asked all the same,
    because asking is what records its rungs. `budget`: epochs of a complete trial.
    """
    return epoch <= PRUNABLE_FRACTION * budget and trial.should_prune() and trial.number != 0
