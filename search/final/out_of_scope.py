"""How well a model tells texts without an intent from those with one, by its confidence."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.parts.data.tokens import Tokens
from trainables.parts.model.text_classifier import TextClassifier

IN_SCOPE_KEPT = 0.95
"""The fraction of texts in scope that pass where the false-positive rate is measured."""


@dataclass(frozen=True)
class Detection:
    """The best label's probability as a detector, on the texts of one split."""

    in_scope: int
    """Texts that have an intent."""
    out_of_scope: int
    """Texts that have none."""
    auroc: float
    """The probability that a text in scope has a higher confidence than one out of scope; ties
    count half."""
    fpr95: float
    """The fraction of texts out of scope that pass where 95 % of those in scope pass."""
    recall: float | None
    """The fraction of texts out of scope that the model does not answer at its calibrated
    threshold; None without a threshold."""

    def __str__(self) -> str:
        refused = "" if self.recall is None else f"; {100 * self.recall:.1f} % refused"
        return (
            f"{self.out_of_scope} texts out of scope against {self.in_scope} in scope: AUROC"
            f" {self.auroc:.3f}, FPR95 {self.fpr95:.3f}{refused}"
        )


def measure(
    model: TextClassifier,
    in_scope: Mapping[str, Tokens],
    out_of_scope: Mapping[str, Tokens],
    threshold: float | None,
) -> dict[str, Detection]:
    """A calibrated model on validation and test, where there are texts of both kinds.

    `in_scope` has these splits. The texts out of scope of train, on which nothing was trained,
    count to those of validation.
    """
    detections = {}
    for split, names in (("validation", ("train", "validation")), ("test", ("test",))):
        outside = [_confidence(model, out_of_scope[name]) for name in names if name in out_of_scope]
        if split in in_scope and outside:
            inside = _confidence(model, in_scope[split])
            detections[split] = detection(inside, torch.cat(outside), threshold)
    return detections


def detection(inside: Tensor, outside: Tensor, threshold: float | None) -> Detection:
    """From the confidences (N,) in scope and (M,) out of scope."""
    from sklearn.metrics import roc_auc_score  # takes a second to import

    threshold_95 = inside.sort(descending=True).values[_count(len(inside)) - 1]
    truth = torch.cat([torch.ones(len(inside)), torch.zeros(len(outside))])
    return Detection(
        len(inside),
        len(outside),
        float(roc_auc_score(truth.numpy(), torch.cat([inside, outside]).numpy())),
        (outside >= threshold_95).double().mean().item(),
        None if threshold is None else (outside < threshold).double().mean().item(),
    )


def _count(texts: int) -> int:
    """The fewest texts that are at least `IN_SCOPE_KEPT` of them."""
    return -int(-texts * IN_SCOPE_KEPT // 1)


def _confidence(model: TextClassifier, split: Tokens) -> Tensor:
    """The best label's probability, (N,)."""
    return model.logits(split).softmax(dim=1).max(dim=1).values.cpu()
