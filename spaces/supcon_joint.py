"""The space of `supcon_joint`: fine-tuning, and the contrastive loss beside the cross-entropy."""

from typing import Any

from spaces.parts.batches import sentences_per_label
from spaces.parts.common_practice import POINTS, common_practice

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.supcon_joint.Config`."""
    return (
        common_practice(trial, batch_sizes=(16, 32, 64, 128))
        | {
            "contrastive_weight": trial.suggest_float("contrastive_weight", 0.1, 0.9),
            "temperature": trial.suggest_float("temperature", 0.05, 1.0, log=True),
        }
        | sentences_per_label(trial)
    )
