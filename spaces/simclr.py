"""The space of `simclr`: everything that a contrastive regime has."""

from typing import Any

from spaces.parts.contrastive import POINTS, contrastive

__all__ = ["POINTS", "space"]

SGD = {"learning_rate": (1e-3, 0.1)}
"""Down to the paper's rate."""


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.simclr.Config`."""
    return contrastive(trial, sgd=SGD)
