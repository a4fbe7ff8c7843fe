"""The space of `lp_ft`: learning rates that keep what the first classifier knows, and warm-up."""

from typing import Any

from spaces.parts.batches import batch_size
from spaces.parts.head import pooling
from spaces.parts.optimizer import optimizer, schedule, warmup

ADAMW = {"learning_rate": (1e-6, 3e-4), "head_learning_rate": (1e-5, 1e-2)}
"""Peak learning rates, down to a tenth of the other regimes' lowest."""
POINTS = [{"pooling": "mean", "learning_rate": 1e-4, "warmup_ratio": 0.2, "batch_size": 16}]
"""The vectors of sentence encoders, small mini-batches, and a longer warm-up."""


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.lp_ft.Config`.

    AdamW's only: from ridge, unclipped SGD diverges (`spaces.parts.fine_tune`).
    """
    values = pooling(trial) | {"dropout": trial.suggest_float("dropout", 0.0, 0.5, step=0.05)}
    return (
        values
        | optimizer(trial, "learning_rate", "head_learning_rate", kinds=["adamw"], adamw=ADAMW)
        | batch_size(trial, 8, 16, 32, 64)
        | schedule(trial)
        | warmup(trial)
    )
