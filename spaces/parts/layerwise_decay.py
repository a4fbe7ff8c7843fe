"""Layer-wise learning-rate decay."""

from typing import Any


def layerwise_decay(trial: Any) -> dict[str, Any]:
    """Suggest the factor on the learning rate from a layer to the one below it."""
    return {"layerwise_decay": trial.suggest_float("layerwise_decay", 0.5, 1.0)}
