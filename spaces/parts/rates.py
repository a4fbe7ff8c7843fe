"""Learning rates, one range for every regime; rates are per step, on a logarithmic scale."""

from typing import Any


def encoder_rate(trial: Any) -> dict[str, Any]:
    """Suggest the encoder's peak rate; both of the paper's, 1e-4 and 1e-5, lie inside."""
    return {"learning_rate": trial.suggest_float("learning_rate", 1e-5, 2e-3, log=True)}


def head_rate(trial: Any) -> dict[str, Any]:
    """Suggest the classifier's peak rate."""
    return {"head_learning_rate": trial.suggest_float("head_learning_rate", 1e-5, 1e-1, log=True)}


def layerwise_decay(trial: Any) -> dict[str, Any]:
    """Suggest the factor from a layer to the one below it."""
    return {"layerwise_decay": trial.suggest_float("layerwise_decay", 0.5, 1.0)}


def batch_size(trial: Any, *choices: int) -> dict[str, Any]:
    """Suggest the mini-batch's size out of `choices`."""
    return {"batch_size": trial.suggest_categorical("batch_size", list(choices))}
