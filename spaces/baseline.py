"""The space of `baseline`: fine-tuning, the schedule and its final learning rate."""

from typing import Any

from spaces.parts.fine_tune import POINTS, fine_tune
from spaces.parts.optimizer import schedule

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.baseline.Config`."""
    values = fine_tune(trial) | schedule(trial)
    if values["schedule"] != "constant":
        values["min_learning_rate"] = trial.suggest_float("min_learning_rate", 1e-8, 1e-5, log=True)
    return values
