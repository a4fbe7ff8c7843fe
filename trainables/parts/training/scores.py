"""How good predictions are: accuracy, and the loss in both of the definitions that are compared."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


@dataclass(frozen=True)
class Scores:
    """Of one model on one split."""

    accuracy: float
    """Correct / total."""
    loss: float
    """Mean cross-entropy over the sentences."""


def scores(logits: Tensor, labels: Tensor) -> Scores:
    """Scores of logits (N, K) against labels (N,)."""
    labels = labels.to(logits.device)
    return Scores(
        (logits.argmax(dim=1) == labels).double().mean().item(),
        cross_entropy(logits, labels).item(),
    )


def paper_loss(logits: Tensor, labels: Tensor, batch_size: int) -> float:
    """The loss as the paper's Table 7 seems to define it: batch-mean cross-entropies summed over
    batches, divided by N.

    Batches are cut in the split's order. With batches of one size it is the mean cross-entropy
    divided by about the batch size.
    """
    total = torch.zeros(())
    for start in range(0, len(labels), batch_size):
        total += cross_entropy(
            logits[start : start + batch_size].cpu(), labels[start : start + batch_size].cpu()
        )
    return (total / len(labels)).item()
