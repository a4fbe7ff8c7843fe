"""Accuracy and loss of predictions; the loss also in the paper's definition."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


@dataclass(frozen=True)
class Scores:
    """Metrics of one model on one split."""

    accuracy: float
    """Correct / total."""
    loss: float
    """Mean cross-entropy over the sentences."""


def scores(logits: Tensor, labels: Tensor) -> Scores:
    """The scores of logits (N, K) for labels (N,)."""
    labels = labels.to(logits.device)
    return Scores(
        (logits.argmax(dim=1) == labels).double().mean().item(),
        cross_entropy(logits, labels).item(),
    )


def paper_loss(logits: Tensor, labels: Tensor, batch_size: int) -> float:
    """The loss as the paper's Table 7 seems to define it.

    The sum of the batches' mean cross-entropies, divided by N: about the mean cross-entropy divided
    by the batch size. Batches follow the split's order.
    """
    total = torch.zeros(())
    for start in range(0, len(labels), batch_size):
        total += cross_entropy(
            logits[start : start + batch_size].cpu(), labels[start : start + batch_size].cpu()
        )
    return (total / len(labels)).item()
