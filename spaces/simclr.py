"""The space of `simclr`: everything that a contrastive regime has."""

from typing import Any

from spaces.parts.contrastive import POINTS, contrastive

__all__ = ["POINTS", "space"]


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.simclr.Config`."""
    return contrastive(trial)
