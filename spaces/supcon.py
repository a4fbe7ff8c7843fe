"""The space of `supcon`: the contrastive space as it is."""

from typing import Any

from spaces.parts.contrastive import POINTS, contrastive

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.supcon.Config`."""
    return contrastive(trial)
