"""What both contrastive regimes search."""

from typing import Any

from spaces.parts.optimizer import optimizer, schedule, warmup
from spaces.parts.rates import batch_size, layerwise_decay

POINTS = [
    {"dropout": 0.1, "optimizer": "adamw", "learning_rate": rate, "batch_size": 64}
    for rate in (1e-4, 3e-4)
]
"""Common practice: AdamW and the dropout of BERT."""


def contrastive(trial: Any, **ranges: Any) -> dict[str, Any]:
    """Suggest the loss's temperature, the views, the projection, and how the encoder is trained.

    The classifier is not searched: ridge.

    `ranges` are for `optimizer`.
    """
    values = {
        "temperature": trial.suggest_float("temperature", 0.02, 1.0, log=True),
        "views": trial.suggest_categorical("views", ["head_dropout", "encoder_dropout"]),
        "dropout": trial.suggest_float(
            "dropout", 0.05, 0.9, step=0.05
        ),  # without it both views may be one
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
