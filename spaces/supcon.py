"""The space of `supcon`: the contrastive space, and how many of a label meet in a mini-batch."""

from typing import Any

from spaces.parts.batches import sentences_per_label
from spaces.parts.contrastive import POINTS, contrastive

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.supcon.Config`."""
    return contrastive(trial) | sentences_per_label(trial)
