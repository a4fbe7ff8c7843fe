"""The mini-batches: their size, and how many sentences of a label stand side by side."""

from typing import Any


def batch_size(trial: Any, *choices: int) -> dict[str, Any]:
    """Suggest the batch size from `choices`."""
    return {"batch_size": trial.suggest_categorical("batch_size", list(choices))}


def sentences_per_label(trial: Any) -> dict[str, Any]:
    """Suggest how many sentences of a label stand side by side."""
    return {"sentences_per_label": trial.suggest_categorical("sentences_per_label", [1, 2, 4])}
