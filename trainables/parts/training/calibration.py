"""From a linear classifier's outputs to logits: a scale that makes its probabilities honest."""

import math
from functools import partial

from torch import Tensor
from torch.nn.functional import cross_entropy


def logit_scale(outputs: Tensor, labels: Tensor) -> float:
    """The factor that turns outputs (N, K) of sentences left out of the fit into logits.

    It minimises their cross-entropy with labels (N,).
    """
    from scipy.optimize import minimize_scalar  # Takes a second to import.

    loss = partial(_loss, outputs, labels.to(outputs.device))
    result = minimize_scalar(loss, bounds=(-3.0, 6.0), method="bounded")
    return math.exp(result.x)


def _loss(outputs: Tensor, labels: Tensor, log_scale: float) -> float:
    return cross_entropy(math.exp(log_scale) * outputs, labels).item()
