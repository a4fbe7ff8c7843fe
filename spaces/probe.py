"""The space of `probe`: the pooling, and the regularisation of the logistic regression."""

from typing import Any

from spaces.parts.head import pooling


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.probe.Config`."""
    return pooling(trial) | {"C": trial.suggest_float("C", 1e-4, 10.0, log=True)}
