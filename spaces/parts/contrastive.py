"""The space of the contrastive regimes."""

from collections.abc import Sequence
from typing import Any

from spaces.parts.batches import batch_size
from spaces.parts.head import pooling
from spaces.parts.layerwise_decay import layerwise_decay
from spaces.parts.optimizer import optimizer, schedule, warmup

POINTS = [
    {"dropout": 0.1, "optimizer": "adamw", "learning_rate": rate, "batch_size": 64}
    for rate in (1e-4, 3e-4)
]
"""Common practice: AdamW and BERT's dropout."""


def contrastive(
    trial: Any, views: Sequence[str] = ("head_dropout", "encoder_dropout"), **ranges: Any
) -> dict[str, Any]:
    """Suggest pooling, temperature, views, projection and how the encoder is trained.

    The classifier is always ridge. `ranges` are passed to `optimizer`.
    """
    values = pooling(trial) | {
        "temperature": trial.suggest_float("temperature", 0.02, 1.0, log=True)
    }
    if len(views) > 1:
        values["views"] = trial.suggest_categorical("views", list(views))
    values |= {
        # without dropout, the two views could be equal
        "dropout": trial.suggest_float("dropout", 0.05, 0.9, step=0.05),
        "projection": trial.suggest_categorical("projection", ["none", "linear", "mlp"]),
    }
    if values["projection"] != "none":
        values["projection_width"] = trial.suggest_categorical("projection_width", [64, 128, 256])
    values |= (
        optimizer(trial, "learning_rate", **ranges)
        | layerwise_decay(trial)
        | schedule(trial)
        | warmup(trial)
    )
    return values | batch_size(trial, 32, 64, 128, 256) | {"classifier": "ridge"}
