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
    return Scores((logits.argmax(dim=1) == labels).double().mean().item(), cross_entropy(logits, labels).item())


def paper_loss(logits: Tensor, labels: Tensor, batch_size: int) -> float:
    """The loss as the paper's Table 7 seems to define it: batch-mean cross-entropies summed over batches, divided by N.

    Batches are cut in the split's order. With batches of one size it is the mean cross-entropy divided by about the batch size.
    """
    total = torch.zeros(())
    for start in range(0, len(labels), batch_size):
        total += cross_entropy(logits[start : start + batch_size].cpu(), labels[start : start + batch_size].cpu())
    return (total / len(labels)).item()


def ridge_accuracy(train: Tensor, train_labels: Tensor, validation: Tensor, validation_labels: Tensor, intents: int) -> float:
    """Validation accuracy of a ridge classifier on frozen vectors (N, D): one linear solve, so it can judge every epoch.

    Vectors are standardised by the training split; targets are +1 for the label and -1 elsewhere; the penalty is 1, as in
    scikit-learn's RidgeClassifier.
    """
    train, validation = train.double(), validation.double()
    mean, spread = train.mean(dim=0), train.std(dim=0).clamp(min=1e-6)
    x, x_new = (train - mean) / spread, (validation - mean) / spread
    y = 2 * torch.nn.functional.one_hot(train_labels.to(x.device), intents).double() - 1
    gram = x.T @ x + torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    weights = torch.linalg.solve(gram, x.T @ (y - y.mean(dim=0)))
    predicted = (x_new @ weights + y.mean(dim=0)).argmax(dim=1)
    return (predicted == validation_labels.to(x.device)).double().mean().item()
