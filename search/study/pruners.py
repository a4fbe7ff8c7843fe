"""Pruners: which trials stop early.

These are Optuna's. They decide from the study's records alone, so a resumed search decides as if it
had never stopped.
"""

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)

from search.spec import SearchSpec

MEDIAN_STARTUP_TRIALS = 5
"""Trials that must finish before the median pruner prunes."""


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
    assert spec.scheduler == "none"
    return NopPruner()
