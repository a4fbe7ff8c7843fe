"""The classifier: its pooling, dropout, hidden layer and activation."""

from typing import Any


def head(trial: Any, max_dropout: float = 0.9) -> dict[str, Any]:
    """Suggest the classifier's fields."""
    values = pooling(trial) | {
        "dropout": trial.suggest_float("dropout", 0.0, max_dropout, step=0.05),
        "head_width": trial.suggest_categorical("head_width", [None, 10, 32, 64, 128, 256]),
    }
    if values["head_width"] is not None:
        values["head_activation"] = trial.suggest_categorical(
            "head_activation", ["none", "relu", "gelu", "tanh"]
        )
    return values


def pooling(trial: Any) -> dict[str, Any]:
    """Suggest how the tokens' vectors become the sentence's."""
    return {"pooling": trial.suggest_categorical("pooling", ["cls", "mean"])}
