"""The space of `warmup`: fine-tuning, warm-up and schedule."""

from typing import Any

from spaces.parts.fine_tune import POINTS, fine_tune
from spaces.parts.optimizer import schedule, warmup

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.warmup.Config`."""
    return fine_tune(trial) | schedule(trial) | warmup(trial)
