"""The space of `llrd_grouped`: fine-tuning, warm-up, schedule, and the rates of the thirds."""

from typing import Any

from spaces.parts.common_practice import POINTS, common_practice

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.llrd_grouped.Config`."""
    return common_practice(trial) | {
        "middle_factor": trial.suggest_float("middle_factor", 0.1, 1.0),
        "bottom_factor": trial.suggest_float("bottom_factor", 0.01, 1.0, log=True),
    }
