"""The space of `lp_ft`: learning rates that keep what the first classifier knows, and warm-up."""

from typing import Any

from spaces.parts.head import pooling
from spaces.parts.optimizer import optimizer, schedule, warmup
from spaces.parts.rates import batch_size

ADAMW = {"learning_rate": (3e-6, 3e-4), "head_learning_rate": (1e-5, 1e-2)}
"""Peak learning rates: three to thirty times below common practice."""
SGD = {"learning_rate": (5e-4, 5e-2), "head_learning_rate": (1e-3, 0.1)}
"""Effective peak learning rates, by the same measure."""
POINTS = [
    {"pooling": "mean", "learning_rate": rate, "warmup_ratio": 0.2, "batch_size": 16}
    for rate in (3e-5, 1e-4)
]
"""The vectors of sentence encoders, and a longer warm-up."""


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.lp_ft.Config`."""
    values = pooling(trial) | {"dropout": trial.suggest_float("dropout", 0.0, 0.5, step=0.05)}
    return (
        values
        | optimizer(trial, "learning_rate", "head_learning_rate", adamw=ADAMW, sgd=SGD)
        | batch_size(trial, 8, 16, 32, 64)
        | schedule(trial)
        | warmup(trial)
    )
