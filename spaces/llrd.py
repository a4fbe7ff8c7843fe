"""The space of `llrd`: fine-tuning, the schedule, and the decay over encoder and head layers."""

from typing import Any

from spaces.parts.fine_tune import POINTS, fine_tune
from spaces.parts.layerwise_decay import layerwise_decay
from spaces.parts.optimizer import schedule

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.llrd.Config`."""
    values = fine_tune(trial) | schedule(trial) | layerwise_decay(trial)
    if values["head_width"] is not None:
        values["head_decay"] = trial.suggest_float("head_decay", 0.5, 1.0)
    return values
