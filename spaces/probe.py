"""The space of `probe`: the classifier, its optimiser and schedule, and the batch size."""

from typing import Any

from spaces.parts.head import head
from spaces.parts.optimizer import optimizer, schedule, warmup
from spaces.parts.rates import batch_size


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.probe.Config`."""
    return (
        head(trial)
        | optimizer(trial, "head_learning_rate")
        | schedule(trial)
        | warmup(trial)
        | batch_size(trial, 16, 32, 64, 128)
    )
