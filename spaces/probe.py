"""The space of `probe`: the classifier, its optimiser and schedule, and the batch size."""

from typing import Any

from spaces.parts.head import head
from spaces.parts.optimizer import optimizer, schedule, warmup
from spaces.parts.rates import batch_size

ADAMW = {"head_learning_rate": (1e-3, 3e-2)}
"""Below 1e-3 AdamW leaves a classifier on frozen vectors under-trained after 20 epochs."""


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.probe.Config`."""
    return (
        head(trial, max_dropout=0.5)
        | optimizer(trial, "head_learning_rate", adamw=ADAMW)
        | schedule(trial)
        | warmup(trial)
        | batch_size(trial, 16, 32, 64, 128)
    )
