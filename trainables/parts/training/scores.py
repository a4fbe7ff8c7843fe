"""Accuracy, macro-F1 and loss of predictions; the loss also in the paper's definition."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from trainables.parts.data.tokens import Metric


@dataclass(frozen=True)
class LabelCounts:
    """What the labels' F1 are made of, in sentences."""

    correct: Tensor
    """(K,): of each label, those that are predicted right."""
    counted: Tensor
    """(K,): those that have the label, and those for which it is predicted."""

    @classmethod
    def of(cls, predicted: Tensor, labels: Tensor) -> "LabelCounts":
        """Of predicted and true labels, (N,) each."""
        count = int(torch.maximum(predicted.max(), labels.max())) + 1
        correct = torch.bincount(labels[predicted == labels], minlength=count)
        both = torch.bincount(predicted, minlength=count) + torch.bincount(labels, minlength=count)
        return cls(correct.cpu(), both.cpu())

    @classmethod
    def sum(cls, parts: Sequence["LabelCounts"]) -> "LabelCounts":
        """Of all parts together."""
        return cls(
            pad_sequence([part.correct for part in parts]).sum(dim=1),
            pad_sequence([part.counted for part in parts]).sum(dim=1),
        )

    @property
    def macro_f1(self) -> float:
        """The mean F1 of all labels that occur among the predicted or the true ones.

        As scikit-learn's `f1_score(average="macro", zero_division=0)`.
        """
        f1 = 2 * self.correct.double() / self.counted
        return f1[self.counted > 0].mean().item()


@dataclass(frozen=True)
class Scores:
    """Metrics of one model on one split."""

    accuracy: float
    """Correct / total."""
    macro_f1: float
    """Mean F1 of the labels, the rare ones counting as much as the frequent ones."""
    loss: float | None
    """Mean cross-entropy over the sentences; None where the outputs are no logits."""
    counts: LabelCounts | None = field(default=None, compare=False, repr=False)
    """What `macro_f1` is made of."""

    def of(self, metric: Metric) -> float:
        """The score by this metric."""
        return self.accuracy if metric == "accuracy" else self.macro_f1


def scores(logits: Tensor, labels: Tensor) -> Scores:
    """The scores of logits (N, K) for labels (N,)."""
    labels = labels.to(logits.device)
    return scores_of(logits.argmax(dim=1), labels, cross_entropy(logits, labels).item())


def scores_of(predicted: Tensor, labels: Tensor, loss: float | None = None) -> Scores:
    """The scores of predicted labels (N,) for the true ones (N,)."""
    accuracy = (predicted == labels).double().mean().item()
    counts = LabelCounts.of(predicted, labels)
    return Scores(accuracy, counts.macro_f1, loss, counts)


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
