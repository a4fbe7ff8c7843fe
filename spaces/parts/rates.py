"""Layer-wise learning-rate decay, and the batch size."""

from typing import Any


def layerwise_decay(trial: Any) -> dict[str, Any]:
    """Suggest the factor on the learning rate from a layer to the one below it."""
    return {"layerwise_decay": trial.suggest_float("layerwise_decay", 0.5, 1.0)}


def batch_size(trial: Any, *choices: int) -> dict[str, Any]:
    """Suggest the batch size from `choices`."""
    return {"batch_size": trial.suggest_categorical("batch_size", list(choices))}
