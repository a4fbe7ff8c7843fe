"""The space of `simclr`: the contrastive space, with the paper's SGD: low rates, no clipping."""

from typing import Any

from spaces.parts.contrastive import POINTS, contrastive

__all__ = ["POINTS", "space"]

SGD = {"learning_rate": (1e-3, 0.1)}
"""SGD's effective peak learning rate, down to the paper's value."""


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.simclr.Config`."""
    return contrastive(trial, sgd=SGD, sgd_clip=None)
