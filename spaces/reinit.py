"""The space of `reinit`: fine-tuning, warm-up, schedule, and how many layers are drawn anew."""

from typing import Any

from spaces.parts.common_practice import POINTS, common_practice

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.reinit.Config`."""
    return common_practice(trial, head_inits=("random",)) | {
        "reinit_layers": trial.suggest_int("reinit_layers", 1, 4)
    }
