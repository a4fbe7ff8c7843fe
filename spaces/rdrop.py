"""The space of `rdrop`: fine-tuning, warm-up, schedule, and the weight of the divergence."""

from typing import Any

from spaces.parts.common_practice import POINTS, common_practice

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.rdrop.Config`."""
    return common_practice(trial) | {
        "kl_weight": trial.suggest_float("kl_weight", 0.1, 10.0, log=True)
    }
