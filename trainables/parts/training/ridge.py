"""Ridge regression onto the labels: a linear classifier on frozen vectors, in closed form.

Vectors are standardised by the training split. Targets are +1 for the label and -1 elsewhere, as in
scikit-learn's RidgeClassifier. The penalty is chosen by a leave-one-out score on the training
split, which needs no refitting: with the hat matrix H of the ridge, the leave-one-out error of
sentence i is (y_i - p_i) / (1 - H_ii) (https://doi.org/10.1080/00401706.1979.10489751).

Shape letters: N sentences, D width, K intents.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from trainables.parts.data.tokens import Metric
from trainables.parts.training.calibration import logit_scale
from trainables.parts.training.scores import Scores, scores_of
from trainables.parts.training.standardisation import divisors

PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""For vectors whose components have variance 1: from almost none to more than the weight of a few
hundred sentences."""


@dataclass(frozen=True)
class Ridge:
    """A linear classifier on the encoder's vectors: outputs are `vectors @ weight.T + bias`."""

    weight: Tensor
    """(K, D) float64."""
    bias: Tensor
    """(K,) float64."""
    penalty: float
    left_out: Tensor
    """(N, K): leave-one-out outputs for the training sentences."""

    def scores(self, vectors: Tensor, labels: Tensor) -> Scores:
        """On vectors (N, D) with labels (N,), without a loss: outputs are no logits."""
        predicted = (vectors.double() @ self.weight.T + self.bias).argmax(dim=1)
        return scores_of(predicted, labels.to(predicted.device))

    def scale(self, labels: Tensor) -> float:
        """The factor that turns outputs into logits.

        It minimises the cross-entropy of the leave-one-out outputs.
        """
        return logit_scale(self.left_out, labels)


def ridge(
    vectors: Tensor,
    labels: Tensor,
    intents: int,
    penalties: Sequence[float] = PENALTIES,
    *,
    metric: Metric = "accuracy",
) -> Ridge:
    """Fit vectors (N, D) to labels (N,) below `intents`.

    Takes the penalty with the highest leave-one-out score by `metric`; on ties the last, so give
    them in ascending order.
    """
    x, labels = vectors.double(), labels.to(vectors.device)
    mean, std = x.mean(dim=0), divisors(x.std(dim=0, correction=0))
    x = (x - mean) / std
    y = 2 * one_hot(labels, intents).double() - 1
    bias = y.mean(dim=0)
    eigenvalues, eigenvectors = torch.linalg.eigh(x.T @ x)
    rotated, centred = x @ eigenvectors, y - bias  # (N, D), (N, K)
    moment = rotated.T @ centred  # (D, K)
    best = -1.0
    for penalty in penalties:
        shrinkage = 1 / (eigenvalues.clamp(min=0) + penalty)  # (D,)
        coefficients = shrinkage[:, None] * moment
        leverage = (rotated.square() @ shrinkage + 1 / len(x)).clamp(max=1 - 1e-9)  # H_ii
        error = (centred - rotated @ coefficients) / (1 - leverage)[:, None]
        score = scores_of((y - error).argmax(dim=1), labels).of(metric)
        if score >= best:
            best, best_penalty = score, penalty
            best_coefficients, left_out = coefficients, y - error
    weight = (eigenvectors @ best_coefficients).T / std
    return Ridge(weight, bias - weight @ mean, best_penalty, left_out)
