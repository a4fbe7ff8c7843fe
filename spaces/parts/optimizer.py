"""The optimiser and the fields that only one of them has; and the schedule."""

from typing import Any


def optimizer(trial: Any) -> dict[str, Any]:
    """Suggest the optimiser; momentum and Nesterov only for SGD."""
    values = {
        "optimizer": trial.suggest_categorical("optimizer", ["sgd", "adamw"]),
        "weight_decay": trial.suggest_float("weight_decay", 0.0, 0.1),
    }
    if values["optimizer"] == "sgd":
        values["momentum"] = trial.suggest_float("momentum", 0.0, 0.99)
        if values["momentum"] > 0:
            values["nesterov"] = trial.suggest_categorical("nesterov", [False, True])
    return values


def schedule(trial: Any) -> dict[str, Any]:
    """Suggest the course of the learning rate after the warm-up."""
    return {"schedule": trial.suggest_categorical("schedule", ["constant", "linear", "cosine"])}


def warmup(trial: Any) -> dict[str, Any]:
    """Suggest the share of steps in which the rate rises."""
    return {"warmup_ratio": trial.suggest_float("warmup_ratio", 0.0, 0.5)}
