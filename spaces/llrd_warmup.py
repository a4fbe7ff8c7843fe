"""The space of `llrd_warmup`: fine-tuning, layer-wise decay, warm-up and schedule."""

from typing import Any

from spaces.parts.fine_tune import POINTS, fine_tune
from spaces.parts.layerwise_decay import layerwise_decay
from spaces.parts.optimizer import schedule, warmup

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.llrd_warmup.Config`."""
    return fine_tune(trial) | schedule(trial) | warmup(trial) | layerwise_decay(trial)
