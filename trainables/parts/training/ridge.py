"""Ridge regression onto the labels: a linear classifier on frozen vectors, in closed form.

Vectors are standardised by the training split, and targets are +1 for the label and -1 elsewhere,
as in scikit-learn's RidgeClassifier. The penalty is the one that classifies most training sentences
rightly when each in turn is left out, which takes no refitting: with the hat matrix H of the ridge,
the error of sentence i left out is (y_i - p_i) / (1 - H_ii)
(https://doi.org/10.1080/00401706.1979.10489751).

Shape letters: N sentences, D width, K intents.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""On vectors whose components have variance 1: from hardly any to more than a few hundred sentences
weigh."""


@dataclass(frozen=True)
class Ridge:
    """A linear classifier on vectors as the encoder gives them: outputs are `vectors @ weight.T +
    bias`."""

    weight: Tensor
    """(K, D) float64."""
    bias: Tensor
    """(K,) float64."""
    penalty: float
    left_out: Tensor
    """(N, K): what the classifier says of each training sentence when it is fitted on the
    others."""

    def accuracy(self, vectors: Tensor, labels: Tensor) -> float:
        """Correct / total on vectors (N', D) with labels (N',)."""
        predicted = (vectors.double() @ self.weight.T + self.bias).argmax(dim=1)
        return (predicted == labels.to(predicted.device)).double().mean().item()

    def scale(self, labels: Tensor) -> float:
        """The factor that makes outputs logits: of all factors the one with the lowest
        cross-entropy on `left_out`."""
        labels = labels.to(self.left_out.device)
        found = minimize_scalar(
            partial(_loss, self.left_out, labels), bounds=(-3.0, 6.0), method="bounded"
        )
        return math.exp(found.x)


def ridge(
    vectors: Tensor, labels: Tensor, intents: int, penalties: Sequence[float] = PENALTIES
) -> Ridge:
    """Fit vectors (N, D) to labels (N,) below `intents`, with the best of the penalties, in rising
    order."""
    x = vectors.double()
    mean, spread = x.mean(dim=0), x.std(dim=0, correction=0).clamp(min=1e-6)
    x = (x - mean) / spread
    y = 2 * one_hot(labels.to(x.device), intents).double() - 1
    centre = y.mean(dim=0)
    values, directions = torch.linalg.eigh(x.T @ x)
    rotated, target = x @ directions, y - centre  # (N, D), (N, K)
    moment = rotated.T @ target  # (D, K)
    truth, best = labels.to(x.device), -1.0
    for penalty in penalties:
        shrink = 1 / (values.clamp(min=0) + penalty)  # (D,)
        coefficients = shrink[:, None] * moment
        leverage = (rotated.square() @ shrink + 1 / len(x)).clamp(max=1 - 1e-9)
        error = (target - rotated @ coefficients) / (1 - leverage)[:, None]
        accuracy = ((y - error).argmax(dim=1) == truth).double().mean().item()
        if accuracy >= best:  # of equals the larger penalty
            best, chosen, kept, left_out = accuracy, penalty, coefficients, y - error
    weight = (directions @ kept).T / spread
    return Ridge(weight, centre - weight @ mean, chosen, left_out)


def _loss(outputs: Tensor, labels: Tensor, log_scale: float) -> float:
    return cross_entropy(math.exp(log_scale) * outputs, labels).item()
