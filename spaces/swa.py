"""The space of `swa`: fine-tuning, and which of the last steps are averaged how."""

from typing import Any

from spaces.parts.common_practice import POINTS, common_practice

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.swa.Config`."""
    return common_practice(trial) | {
        "average_from": trial.suggest_float("average_from", 0.0, 0.9),
        "average_decay": trial.suggest_categorical("average_decay", [0.9, 0.99, 0.999, 1.0]),
    }
