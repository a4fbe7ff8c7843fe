"""Cross-entropy with smoothed targets and weights for rare labels, both off by default."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional

from trainables.parts.config import Range

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits (B, K) and labels (B,) to a scalar."""


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """The hyperparameters of a cross-entropy."""

    label_smoothing: Annotated[float, Range(0, 0.9)] = 0.0
    """Part of the target's probability that is spread evenly over all labels
    (https://arxiv.org/abs/1512.00567, section 7)."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: a sentence counts in inverse proportion to how often its label occurs in train, for
    data with rare labels."""


def cross_entropy(config: CrossEntropy, train: Tensor, labels: int) -> Loss:
    """The mean cross-entropy of a mini-batch.

    `train` holds the training sentences' labels (N,), of `labels` in all. With weights, the mean is
    the weighted one: a mini-batch with rare labels takes no larger step.
    """
    weight = None
    if config.class_weights == "balanced":
        counts = torch.bincount(train, minlength=labels)
        weight = len(train) / (labels * counts.clamp(min=1)).float()

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits,
            targets,
            weight=None if weight is None else weight.to(logits.device, logits.dtype),
            label_smoothing=config.label_smoothing,
        )

    return loss
