"""The space of `schedule`: fine-tuning, warm-up, and six shapes of the learning rate."""

from typing import Any

from spaces.parts.common_practice import POINTS, common_practice

__all__ = ["POINTS", "space"]

SHAPES = ("constant", "linear", "cosine", "inverse_sqrt", "restarts", "one_cycle")


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.schedule.Config`."""
    return common_practice(trial, shapes=SHAPES)
