"""What both contrastive regimes search."""

from typing import Any

from spaces.parts.head import head
from spaces.parts.optimizer import optimizer, schedule, warmup
from spaces.parts.rates import batch_size, encoder_rate, head_rate, layerwise_decay

POINTS = [
    {
        "dropout": 0.1,
        "head_width": None,
        "optimizer": "adamw",
        "learning_rate": rate,
        "head_learning_rate": 1e-2,
        "batch_size": 64,
    }
    for rate in (1e-4, 3e-4)
]
"""Common practice: AdamW, the dropout of BERT, one linear layer, which a large rate trains on frozen vectors."""


def contrastive(trial: Any) -> dict[str, Any]:
    """Suggest the loss's temperature, the views, the projection, and what fine-tuning has."""
    values = {
        "temperature": trial.suggest_float("temperature", 0.02, 1.0, log=True),
        "views": trial.suggest_categorical("views", ["head_dropout", "encoder_dropout"]),
        "projection": trial.suggest_categorical("projection", ["none", "linear", "mlp"]),
    }
    if values["projection"] != "none":
        values["projection_width"] = trial.suggest_categorical("projection_width", [64, 128, 256])
    values |= head(trial) | optimizer(trial) | encoder_rate(trial) | head_rate(trial)
    return values | layerwise_decay(trial) | schedule(trial) | warmup(trial) | batch_size(trial, 32, 64, 128, 256)
