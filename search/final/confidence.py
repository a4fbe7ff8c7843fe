"""How sure a model must be to answer: calibrated probabilities, and a threshold on them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.parts.data.tokens import Tokens
from trainables.parts.model.text_classifier import TextClassifier
from trainables.parts.training.calibration import logit_scale


@dataclass(frozen=True)
class Answered:
    """What happens on a split where a model answers only if it is sure."""

    sentences: int
    answered: int
    correct: int

    def __str__(self) -> str:
        answered = f"{_percent(self.answered, self.sentences)} of {self.sentences} texts answered"
        if not self.answered:
            return answered
        return f"{answered}, {_percent(self.correct, self.answered)} of the answers right"


@dataclass(frozen=True)
class Confidence:
    """A model's calibration and the threshold that was found with it, on validation."""

    temperature: float
    """By which the model's logits were divided, as in https://arxiv.org/abs/1706.04599."""
    wanted_precision: float
    """The fraction of its answers that should be right."""
    threshold: float | None
    """The lowest probability with that precision; None: no probability has it."""
    validation: Answered | None
    test: Answered | None
    """At the threshold; the test split chose neither it nor the temperature."""

    def __str__(self) -> str:
        if self.threshold is None:
            return f"confidence: none gives a precision of {self.wanted_precision:g} on validation"
        test = f"; on test {self.test}" if self.test else ""
        return f"confidence {self.threshold:.3f} or more: on validation {self.validation}{test}"


def calibrate(
    model: TextClassifier,
    validation: Tokens,
    test: Tokens | None,
    wanted_precision: float,
    held_out: Tensor | None = None,
) -> Confidence:
    """Divide the model's logits by the temperature that fits validation, and find the threshold.

    `held_out`: the logits of validation (N, K) by the models of cross-validation, where the model
    itself was trained on it. The temperature becomes part of the model's last layer, so that every
    loader gives calibrated probabilities. Labels, and so accuracies, stay as they were.
    """
    logits = model.logits(validation) if held_out is None else held_out
    scale = logit_scale(logits, validation.targets)
    model.scale_logits(scale)
    confidences, right = _answers(scale * logits, validation.targets)
    threshold = lowest_threshold(confidences, right, wanted_precision)
    if threshold is None:
        return Confidence(1 / scale, wanted_precision, None, None, None)
    tested = None
    if test is not None:
        tested = _answered(*_answers(model.logits(test), test.targets), threshold)
    answered = _answered(confidences, right, threshold)
    return Confidence(1 / scale, wanted_precision, threshold, answered, tested)


def lowest_threshold(confidences: Tensor, right: Tensor, min_precision: float) -> float | None:
    """The lowest of `confidences` (N,) from which on answers have `min_precision`.

    `right` (N,) says which are right. None if there is no such threshold.
    """
    order = confidences.argsort(descending=True)
    confidences, right = confidences[order], right[order].double()
    precision = right.cumsum(0) / torch.arange(1, len(right) + 1)
    # Equal confidences are answered together: only the last of them is a threshold.
    last = torch.ones(len(right), dtype=torch.bool)
    last[:-1] = confidences[:-1] > confidences[1:]
    enough = ((precision >= min_precision) & last).nonzero()
    return confidences[enough[-1]].item() if len(enough) else None


def _percent(part: int, whole: int) -> str:
    """A fraction, as text."""
    return f"{100 * part / whole:.1f} %"


def _answers(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The probability of the best label, and whether it is right, (N,) each."""
    confidences, labels = logits.softmax(dim=1).max(dim=1)
    return confidences.cpu(), (labels == targets.to(labels.device)).cpu()


def _answered(confidences: Tensor, right: Tensor, threshold: float) -> Answered:
    answered = confidences >= threshold
    return Answered(len(right), int(answered.sum()), int(right[answered].sum()))
